"""Show what `dvc repro` costs after one new day of records, stage by stage, beside a run from nothing.

Run from the repository root; DAYS are lengths of the history, like 183 366:

    python benchmarks/append.py DAYS [DAYS ...]

For each length the simulated records are cut into two files, all days but the last and the last day, and the graph
runs in a clone of the last commit: with the first file from nothing; with both; and with both and a test window that
begins a day later, as `release retrain` moves it. Prints CPU seconds of each stage and its children, measured when the
stage ends, `0` where DVC had no reason to run it. For two lengths it exits with 1 when the run with a new day costs
more than 1.5 times as much with the longer history.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import write_table
from lifecycle.problem.loading import load_problem
from problems.generators.card_simulator import simulate

LIMIT = 1.5
# Stands on PATH as `python`: runs a stage, and notes what it and its children took.
WRAPPER = """#!{python}
import json, os, pathlib, subprocess, sys
status = subprocess.run([{python!r}, *sys.argv[1:]]).returncode
times = os.times()
with open({log!r}, "a") as file:
    stage, seconds = pathlib.Path(sys.argv[1]).stem, times.children_user + times.children_system
    file.write(json.dumps([stage, seconds]) + chr(10))
sys.exit(status)
"""


def repro(clone: Path, bin_folder: Path) -> dict[str, float]:
    """Run the graph, and return CPU seconds by stage; those of DVC itself are called dvc."""
    log = bin_folder / "log"
    log.write_text("")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_"))}
    before = os.times()
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=clone, env=kept | {"PATH": path}, check=False
    )
    after = os.times()
    if done.returncode:
        raise PipelineError("`dvc repro` failed, see above")
    stages = {stage: float(seconds) for stage, seconds in map(json.loads, log.read_text().splitlines())}
    whole = after.children_user + after.children_system - before.children_user - before.children_system
    return stages | {"dvc": whole - sum(stages.values())}


def make_clone(folder: Path) -> tuple[Path, Path]:
    """Clone the last commit, and put a `python` that measures in front of the others."""
    clone, bin_folder = folder / "clone", folder / "bin"
    subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
    bin_folder.mkdir()
    wrapper = bin_folder / "python"
    wrapper.write_text(WRAPPER.format(python=sys.executable, log=str(bin_folder / "log")))
    wrapper.chmod(0o755)
    return clone, bin_folder


def set_test_start(clone: Path, day: pd.Timestamp) -> None:
    """Say when the test window begins."""
    path = clone / "params.yaml"
    text, count = re.subn(r"(?m)^(  test_start: )\S+", rf"\g<1>'{day.date()}'", path.read_text(encoding="utf-8"))
    if count != 1:
        raise PipelineError(f"params.yaml: test_start stands there {count} times")
    path.write_text(text, encoding="utf-8")


def measure(days: int, folder: Path) -> dict[str, dict[str, float]]:
    """Return the CPU seconds of the three runs."""
    clone, bin_folder = make_clone(folder)
    records, time = simulate(days=days), load_problem("transactions").time_column
    newest = records[time].iloc[-1].floor("D")
    source = clone / "data/source"
    window_start = newest - pd.Timedelta(7, "D")
    set_test_start(clone, window_start)
    write_table(records[records[time] < newest], source / "records-1.parquet")
    found = {"from nothing": repro(clone, bin_folder)}
    write_table(records[records[time] >= newest], source / "records-2.parquet")
    found["one new day"] = repro(clone, bin_folder)
    set_test_start(clone, window_start + pd.Timedelta(1, "D"))
    found["window moved"] = repro(clone, bin_folder)
    return found


def show(tables: Mapping[int, Mapping[str, Mapping[str, float]]]) -> None:
    """Print a line for each stage, and the sums."""
    heads = [f"{days} d {name}" for days, runs in tables.items() for name in runs]
    columns = [figures for runs in tables.values() for figures in runs.values()]
    stages = [*yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"], "dvc"]
    print(f"{'CPU-seconds':<12}" + "".join(f"{head:>20}" for head in heads))
    for stage in stages:
        print(f"{stage:<12}" + "".join(f"{figures.get(stage, 0):>20.1f}" for figures in columns))
    print(f"{'sum':<12}" + "".join(f"{sum(figures.values()):>20.1f}" for figures in columns))


def main() -> None:
    """Measure each length of history, and print."""
    parser = argparse.ArgumentParser(description="what a new day costs")
    parser.add_argument("days", type=int, nargs="+", help="lengths of the history, at least 90 days each")
    tables = {}
    for days in parser.parse_args().days:
        with tempfile.TemporaryDirectory() as folder:
            tables[days] = measure(days, Path(folder))
    show(tables)
    sums = [sum(runs["window moved"].values()) for runs in tables.values()]
    if len(sums) == 2 and sums[1] > LIMIT * sums[0]:
        raise PipelineError(f"a new day costs {sums[1] / sums[0]:.2f} times as much, {LIMIT} is allowed")


if __name__ == "__main__":
    run(main)
