"""Break the service in every way that tests/test_reliability.py and tests/test_fuzz.py know, at full length.

Run from the repository root; it takes about forty minutes, half of them the soak:

    python benchmarks/serving/reliability.py [--short] [--only "sigterm or swaps"]

10,000 broken requests, 8 times overload for 30 s, 50 SIGTERMs, 100 hot swaps, 50 kills under load, 10 kills of a
worker, 20 minutes of soak; `--short` is what CI runs. Prints what was measured, and exits with 1 when something that
must hold did not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ("test_fuzz.py", "test_hostile_clients.py", "test_reliability.py")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Break the service.")
    parser.add_argument("--short", action="store_true", help="as long as in CI")
    parser.add_argument("--only", metavar="WORDS", default="", help="of the tests only these; pytest's -k")
    return parser.parse_args()


def shown(line: str) -> str:
    """Return a run's figures in words."""
    found = json.loads(line)
    return f"{found.pop('run'):<24}" + ", ".join(f"{name} {value}" for name, value in found.items())


def main() -> int:
    """Run the tests and print what they measured."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.jsonl")
        figures.touch()
        lengths = {"RELIABILITY": "short" if options.short else "full", "RELIABILITY_FIGURES": str(figures)}
        tests = [str(ROOT / "tests" / name) for name in TESTS]
        command = [sys.executable, "-m", "pytest", "-m", "chaos or fuzz", "-k", options.only, *tests]
        code = subprocess.run(command, cwd=ROOT, env=os.environ | lengths, check=False).returncode
        for line in figures.read_text(encoding="utf-8").splitlines():
            print(shown(line))
    return code


if __name__ == "__main__":
    sys.exit(main())
