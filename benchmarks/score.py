"""Show what scoring a large file takes, beside the pipeline's own predict by scikit-learn.

Run from the repository root, after `dvc repro`, with a size in millions of rows:

    python benchmarks/score.py 7


The file is the feature table several times over, in a single row group: the worst case for memory. Each side reads and
writes parquet in a process of its own, imports included: `bundle` is what `python src/mlops.py score` does, `pipeline`
reads all rows and gives them to models/model.joblib. Prints rows per second, CPU seconds, the peak of resident memory,
and the ratio of the two. It exits with 1 when a score differs in any bit, when the bundle's side takes more than 1 GiB,
or when it scores fewer than 100,000 rows in a CPU-second: that is 200,000 a second on two cores.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.limits import Usage, measured
from lifecycle.bundle.score_file import score_file
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.models.prediction import predict

FEATURES, BUNDLE, MODEL = Path("data/features/features.parquet"), Path("models/bundle"), Path("models/model.joblib")
DECISION = Path("models/decision.json")
MOST_GIB, LEAST_ROWS = 1.0, 100_000  # resident memory, and rows in a CPU-second


def by_bundle(source: Path, target: Path) -> None:
    """Do what `python src/mlops.py score` does."""
    score_file(Servable.load(BUNDLE), source, target)


def by_pipeline(source: Path, target: Path) -> None:
    """Do the same with the fitted pipeline and the whole table."""
    model, decision = joblib.load(MODEL), read_json(DECISION)
    schema = read_json(BUNDLE / "schema.json")
    table = read_table(source, [schema["key"], schema["time"], *model.feature_names_in_])
    score = predict(model, table)
    table = table[[schema["key"], schema["time"]]].assign(
        score=score,
        probability=Calibration(**decision["calibration"]).apply(score),
        alert=(score >= decision["threshold"]).astype(np.int8),
    )
    write_table(table, target)


def write_copies(rows: float, target: Path) -> int:
    """Write the feature table over and over, as one row group of about so many rows; return how many there are."""
    table = pq.read_table(FEATURES)
    table = pa.concat_tables([table] * max(1, round(rows / len(table))))
    pq.write_table(table, target, compression="lz4", use_dictionary=False, row_group_size=len(table))
    return len(table)


def report(side: str, rows: int, usage: Usage) -> None:
    """Print a line."""
    print(
        f"{side:<9}{rows:>12,} rows{usage.wall:>8.1f} s{rows / usage.wall:>12,.0f} rows/s{usage.cpu:>8.1f} CPU-seconds"
        f"{rows / usage.cpu:>12,.0f} rows per CPU-second{usage.peak:>7.2f} GiB",
        flush=True,
    )


def check(own: Path, other: Path) -> None:
    """Compare column by column; raise a PipelineError when a bit differs."""
    for name in pq.read_schema(own).names:
        left, right = (pq.read_table(path, columns=[name])[name] for path in (own, other))
        if not left.equals(right):
            raise PipelineError(f"{name}: the two sides differ")
    print("equal, bit by bit")


def main() -> None:
    """Measure both sides, compare, judge."""
    parser = argparse.ArgumentParser(description="scoring a large file")
    parser.add_argument("millions", type=float, help="size, in millions of rows")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, own, other = (Path(folder, name) for name in ("rows.parquet", "own.parquet", "other.parquet"))
        rows = write_copies(arguments.millions * 1e6, source)
        bundle = measured(by_bundle, source, own)
        report("bundle", rows, bundle)
        pipeline = measured(by_pipeline, source, other)
        report("pipeline", rows, pipeline)
        check(own, other)
    print(f"ratio: {pipeline.wall / bundle.wall:.1f} on the wall, {pipeline.cpu / bundle.cpu:.1f} in CPU-seconds")
    if bundle.peak > MOST_GIB or rows / bundle.cpu < LEAST_ROWS:
        raise PipelineError(f"more than {MOST_GIB:g} GiB, or fewer than {LEAST_ROWS:,} rows in a CPU-second")


if __name__ == "__main__":
    run(main)
