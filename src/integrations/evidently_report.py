"""Evidently's report on the drift between two windows of features, as one HTML file that needs no network.

    PYTHONPATH=src python -m integrations.evidently_report

Reads   data/splits/train.parquet, data/splits/test.parquet, models/bundle/schema.json
Writes  exports/evidently/drift.html

Evidently has an environment of its own: docs/integrations.md says how this is called. Its tests take rows for
independent, which rows of one card are not: alarms come from the project's own monitor (docs/drift.md compares them).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from integrations.experiment_rows import check_installed
from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError, run

TRAIN, TEST, SCHEMA = (
    Path(name) for name in ("data/splits/train.parquet", "data/splits/test.parquet", "models/bundle/schema.json")
)
REPORT, ROWS = Path("exports/evidently/drift.html"), 5_000


def window(path: Path, features: Sequence[str], rows: int) -> pd.DataFrame:
    """Return evenly spread rows of a window, at most so many, with the model's features as columns.

    Raises
    ------
    PipelineError
        The table lacks a feature.
    """
    import pyarrow.parquet as pq

    lacking = sorted(set(features) - set(pq.read_schema(path).names))
    if lacking:
        raise PipelineError(f"{path}: no column {', '.join(lacking)}; it needs the features of {SCHEMA}")
    table = pd.read_parquet(path, columns=list(features))
    return table.iloc[:: max(1, -(-len(table) // rows))].reset_index(drop=True)


def drift(reference: pd.DataFrame, current: pd.DataFrame) -> Any:
    """Return Evidently's snapshot of its preset for drift, at its default tests and limits."""
    from evidently import Report  # type: ignore[import-not-found]  # in an environment of its own
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]  # likewise

    return Report([DataDriftPreset()]).run(current, reference)


def drifted(snapshot: Any) -> int:
    """Return the number of columns that Evidently takes for drifted."""
    metrics = json.loads(snapshot.json())["metrics"]
    (count,) = (one["value"]["count"] for one in metrics if "DriftedColumnsCount" in json.dumps(one))
    return int(count)


def export(argv: Sequence[str]) -> None:
    """Write the report on two windows."""
    parser = argparse.ArgumentParser(prog="mlops.py export evidently", description="Write a report on drift.")
    parser.add_argument("--reference", type=Path, default=TRAIN, help=f"the earlier window; else {TRAIN}")
    parser.add_argument("--current", type=Path, default=TEST, help=f"the later window; else {TEST}")
    parser.add_argument("--report", type=Path, default=REPORT, help=f"what to write; else {REPORT}")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"of each window, evenly spread; else {ROWS:,}")
    options = parser.parse_args(argv)
    check_installed("evidently")
    features = json.loads(SCHEMA.read_text(encoding="utf-8"))["features"]
    windows = [window(path, features, options.rows) for path in (options.reference, options.current)]
    snapshot = drift(*windows)
    with atomic(options.report) as path:
        snapshot.save_html(str(path))
    sizes = " and ".join(f"{len(part):,}" for part in windows)
    print(f"{options.report}: {drifted(snapshot)} of {len(features)} features drifted, {sizes} rows")


if __name__ == "__main__":
    run(lambda: export(sys.argv[1:]))
