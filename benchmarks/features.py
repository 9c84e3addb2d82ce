"""Show what the fifteen published features cost, beside the same features by pandas, Polars and DuckDB.

Run from the repository root, after `dvc repro validate` or without it (then the records are simulated first):

    python benchmarks/features.py

Each side reads the records and writes the features, three times, each time in a process of its own with the threads it
takes by default (benchmarks/engines.py). Prints the least CPU seconds (user and system, imports apart), records per CPU
second, the least peak of resident memory, how much of it is not imports, and what each takes of what this project
takes. Polars and DuckDB are in the extra `bench`; a side that is not installed is skipped.

It exits with 1 unless counts and rates are equal and means agree to 1e-9. Records of one customer in the same second
stand apart: here, as in pandas, each sees those above it in the table; Polars and DuckDB let them all see each other.
"""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks import engines
from benchmarks.engines import DAYS, DELAY
from benchmarks.protocol import PUBLISHED, simulated
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import read_table, write_table
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

VALIDATED = Path("data/validated/records.parquet")
NAMES = [name for feature in PUBLISHED for name in feature.names]
ROUNDS = 3


def installed() -> list[str]:
    """Return the sides that can run, and say of the others that they can't."""
    missing = [side for side in engines.ENGINES if side != "project" and find_spec(side) is None]
    for side in missing:
        print(f"{side}: skipped, it is not installed; it is in the extra `bench`")
    return [side for side in engines.ENGINES if side not in missing]


def records_of(problem: Problem, folder: Path) -> Path:
    """Return the validated records, or simulated ones where there are none with the columns that are read."""
    read = {problem.key, problem.time, *(name for feature in PUBLISHED for name in feature.reads)}
    if VALIDATED.is_file() and read <= set(pq.read_schema(VALIDATED).names):
        return VALIDATED
    write_table(simulated(problem), folder / "records.parquet")
    return folder / "records.parquet"


def measure(side: str, source: Path, folder: Path) -> dict[str, float]:
    """Let one side do the work in a process of its own; return CPU seconds and MB.

    Raises
    ------
    PipelineError
        It failed.
    """
    few = folder / "few.parquet"
    write_table(next(pq.ParquetFile(source).iter_batches(1_000)).to_pandas(), few)
    command = [sys.executable, engines.__file__, side, str(few), str(source), str(folder / f"{side}.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"{side}: {done.stderr}")
    return json.loads(done.stdout)


def summary(least: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return what is printed, by each side's `cpu` seconds and MB of memory (`imports`, `peak`) for that many rows."""
    beyond = least["peak"] - least["imports"]
    return pd.DataFrame(
        {
            "CPU-seconds": least["cpu"].map("{:.2f}".format),
            "records per CPU-second": (rows / least["cpu"]).map("{:,.0f}".format),
            "CPU ratio": (least["cpu"] / least["cpu"]["project"]).map("{:.1f}".format),
            "peak MB": least["peak"].map("{:,.0f}".format),
            "beyond imports": beyond.map("{:,.0f}".format),
            "memory ratio": (beyond / beyond["project"]).map("{:.1f}".format),
        }
    )


def disagreements(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return, for each row and feature, whether two tables differ: means by more than 1e-9, the others at all."""
    tolerance = {name: 1e-9 if "_mean_" in name else 0.0 for name in NAMES}
    return pd.DataFrame({n: ~np.isclose(own[n], other[n], 0, tolerance[n], equal_nan=True) for n in NAMES})


def compare(own: pd.DataFrame, other: pd.DataFrame, side: str) -> str:
    """Say how a side agrees with this project, record by record.

    Raises
    ------
    PipelineError
        It has other records, or differs in one that is not tied.
    """
    own, other = (table.sort_values("transaction_id", ignore_index=True) for table in (own, other))
    if not own["transaction_id"].equals(other["transaction_id"]):
        raise PipelineError(f"{side}: wrote other records than it has read")
    tied, differ = own.duplicated(["customer_id", "tx_time"], keep=False).to_numpy(), disagreements(own, other)
    rows = differ[~tied].sum()
    if rows.any():
        raise PipelineError(f"{side}: differs (feature, rows): {rows[rows > 0].to_dict()}")
    return f"{side}: equal; {tied.sum():,} tied records stand apart, {differ[tied].any(axis=1).sum():,} of them differ"


def main() -> None:
    """Measure all sides in turn, print what they took, and compare what they wrote."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, sides = Path(temporary), installed()
        source = records_of(load_problem("transactions"), folder)
        rounds = [pd.DataFrame({side: measure(side, source, folder) for side in sides}).T for _ in range(ROUNDS)]
        rows = pq.read_metadata(source).num_rows
        print(f"{rows:,} records, {len(NAMES)} features: windows of {DAYS} days, labels {DELAY} days late\n")
        print(summary(pd.concat(rounds).groupby(level=0, sort=False).min(), rows).to_string(), end="\n\n")
        own = read_table(folder / "project.parquet")
        for side in sides[1:]:
            print(compare(own, read_table(folder / f"{side}.parquet"), side))


if __name__ == "__main__":
    run(main)
