"""Run each gateway of deploy/gateways before two services, and print the table of docs/gateways.md.

Run from the repository root after `make tools`; it takes about seven minutes:

    python benchmarks/gateways.py [--only nginx]

The measurements are the nightly tests of tests/deploy: 20,000 entities are split, a ramp goes on to 25 and 50 %,
requests are mirrored to services that are gone, break or hang, a client floods, a version is stopped under load, and
264 ambiguous requests are sent. A gateway that is not installed is left out. It exits with 1 when a test fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TESTS = ("test_gateways_live.py", "test_gateways_smuggling.py")
Runs = Mapping[str, dict[str, Any]]
LINES: Mapping[str, Callable[[Runs], str]] = {
    "share of 10 %: of 20,000 entities met the challenger, %": lambda runs: f"{runs['split']['share']:.2f}",
    "entities kept from 10 to 25, and from 25 to 50 %, in %": lambda runs: " and ".join(
        map(str, runs["split"]["kept"])
    ),
    "requests mirrored, of 500": lambda runs: f"{runs['mirror']['copies']}",
    "slowest answer while the mirror is gone, breaks, hangs, ms": lambda runs: " / ".join(
        f"{runs[f'mirror {fault}']['slowest_ms']:.0f}" for fault in ("gone", "breaks", "hangs")
    ),
    "flood of 6,000 requests: answered / 429": lambda runs: answered(runs["flood"], "200", "429"),
    "three stops of a version under load: answered / failed": lambda runs: (
        f"{runs['swap']['answers']['200']:,} / {failed(runs['swap'])}"
    ),
    "slowest answer meanwhile, ms": lambda runs: f"{runs['swap']['most_ms']:.0f}",
    "a broken connection: status of a score, of an event": lambda runs: (
        f"{runs['broken connection']['score']}, {runs['broken connection']['event']}"
    ),
    "ambiguous requests: sent / smuggled": lambda runs: (
        f"{runs['smuggling']['attacks']} / {runs['smuggling']['smuggled']}"
    ),
}


def answered(run: Mapping[str, Any], *statuses: str) -> str:
    """Return how many answers had each status."""
    return " / ".join(f"{run['answers'].get(status, 0):,}" for status in statuses)


def failed(run: Mapping[str, Any]) -> int:
    """Return how many requests had another answer than a score, or none."""
    return sum(run["answers"].values()) - run["answers"].get("200", 0) + run["cut"]


def table(lines: list[str]) -> str:
    """Return the figures as a table in Markdown, a column for each gateway.

    Parameters
    ----------
    lines : list of str
        JSON objects, as `tests.service.helpers_load.figures` writes them; of the same run the last one counts.
    """
    gateways: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for found in map(json.loads, lines):
        name = f"mirror {found['fault']}" if "fault" in found else found["run"]
        gateways[found["gateway"]][name] = found
    rows = [["measured", *gateways], [":--", *("--:" for _ in gateways)]]
    for words, cell in LINES.items():
        rows.append([words, *(_cell(cell, runs) for runs in gateways.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(cell: Callable[[Runs], str], runs: Runs) -> str:
    """Return a figure, or a dash for what a gateway can't do."""
    try:
        return cell(runs)
    except KeyError:
        return "-"


def main() -> int:
    """Run the tests and print what they measured."""
    parser = argparse.ArgumentParser(description="Run the gateways.")
    parser.add_argument("--only", metavar="WORDS", default="", help="of the tests only these; pytest's -k")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.jsonl")
        figures.touch()
        tests = [str(ROOT / "tests/deploy" / name) for name in TESTS]
        command = [sys.executable, "-m", "pytest", "-m", "nightly", "-k", options.only, *tests]
        code = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"RELIABILITY_FIGURES": str(figures)}, check=False
        ).returncode
        print(table(figures.read_text(encoding="utf-8").splitlines()))
    return code


if __name__ == "__main__":
    sys.exit(main())
