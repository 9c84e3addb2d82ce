"""Show what the fifteen published features cost out of core, and beside the same features by DuckDB.

Run from the repository root, with sizes in millions of records:

    python benchmarks/scale.py 5 20 --duckdb

Each table is the simulated benchmark several times over, with other customers and terminals each time. Each side reads
and writes parquet in a process of its own that may take 4 GiB, on all cores. Prints CPU seconds of all its processes,
seconds on the wall, the largest sum of their resident memory, records per CPU second and, for several sizes, the
exponent of growth: 1 is linear. It exits with 1 when a side takes more, or when the two differ: counts and rates at
all, means by 1e-9. Records of one customer in the same second stand apart: DuckDB lets them all see each other.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks import engines
from benchmarks.features import VALIDATED
from benchmarks.limits import GIB, Usage, measured
from benchmarks.protocol import PUBLISHED, simulated
from benchmarks.tiling import write_tiled
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import read_table
from lifecycle.features.partitioned.feature_table import build
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem


def by_project(source: Path, target: Path) -> None:
    """Do the work of `src/featurize.py`, for the published features."""
    whole = load_problem("transactions")
    problem = Problem(whole.contract, PUBLISHED, key=whole.key, time=whole.time, target=whole.target)
    build(problem, source, target, "joblib", GIB, None)


def by_duckdb(source: Path, target: Path) -> None:
    """Do the same work with windows by value; what does not fit goes to files."""
    engines.by_duckdb(source, target, memory_limit=f"{GIB}GB", temp_directory=str(target.parent))


def check(own: Path, other: Path) -> None:
    """Compare column by column, by record; raise a PipelineError when one differs away from ties."""
    entity = read_table(own, ["customer_id", "tx_time"])
    tied = entity.duplicated(keep=False).to_numpy()
    order = np.argsort(read_table(other, ["transaction_id"])["transaction_id"].to_numpy())
    for name in (name for feature in PUBLISHED for name in feature.names):
        left, right = (read_table(path, [name])[name].to_numpy() for path in (own, other))
        differ = ~np.isclose(left, right[order], 0, 1e-9 if "_mean_" in name else 0, equal_nan=True)
        if differ[~tied].any():
            raise PipelineError(f"{name}: the two sides differ in {differ[~tied].sum():,} records that are not tied")
    print(f"equal, {tied.sum():,} tied records apart")


def report(side: str, rows: int, usage: Usage) -> None:
    """Print a line."""
    print(
        f"{side:<8}{rows:>12,} records{usage.cpu:>8.1f} CPU-seconds{usage.wall:>8.1f} s{usage.peak:>7.2f} GiB"
        f"{rows / usage.cpu:>12,.0f} records per CPU-second",
        flush=True,
    )


def main() -> None:
    """Measure each size, and print."""
    parser = argparse.ArgumentParser(description="features out of core")
    parser.add_argument("millions", type=float, nargs="+", help="sizes, in millions of records")
    parser.add_argument("--duckdb", action="store_true", help="the same by DuckDB, and compare")
    arguments = parser.parse_args()
    base = read_table(VALIDATED) if VALIDATED.is_file() else simulated(load_problem("transactions"))
    found = []
    for millions in arguments.millions:
        with tempfile.TemporaryDirectory() as folder:
            source, own, other = (Path(folder, name) for name in ("records.parquet", "own.parquet", "other.parquet"))
            rows = write_tiled(base, millions * 1e6, source)
            usage = measured(by_project, source, own)
            report("project", rows, usage)
            found.append((rows, usage.cpu))
            if arguments.duckdb:
                report("DuckDB", rows, measured(by_duckdb, source, other))
                check(own, other)
    if len(found) > 1:
        sizes, seconds = np.log(np.array(found, float)).T
        slope = np.polyfit(sizes, seconds, 1)[0]
        print(f"CPU-seconds grow with the number of records to the power of {slope:.2f}")


if __name__ == "__main__":
    run(main)
