"""Show what it takes to watch a week of a service: CPU and memory of `python src/mlops.py monitor` on its log.

Run from the repository root, after `dvc repro`, with a number of records:

    python benchmarks/monitoring.py 67000

The log is a line per record, as the service writes it with SERVE_LOG_VALUES=1, of the rows of the test window over and
over; all labels are known. Prints CPU seconds, wall seconds and the peak of resident memory, imports included. It exits
with 1 when a week takes more than five CPU-seconds.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.limits import measured
from lifecycle.bundle.parity import served_scores
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import read_table
from lifecycle.monitoring.monitor_command import monitor

TEST, BUNDLE = Path("data/splits/test.parquet"), Path("models/bundle")
DAYS, MOST_CPU = 7, 5.0
LABEL_AGE = pd.Timedelta(days=8)


def write_week(folder: Path, count: int) -> None:
    """Write a log of a week that ended when the last label became known, and the labels."""
    servable, test = Servable.load(BUNDLE), read_table(TEST)
    rows = test.iloc[np.arange(count) % len(test)].reset_index(drop=True)
    scores = served_scores(servable, rows)
    end = pd.Timestamp.now("UTC").tz_localize(None).floor("D") - LABEL_AGE
    times = end - pd.to_timedelta(np.arange(count)[::-1] * (DAYS * 86_400 / count), unit="s")
    values = rows[list(servable.features)].to_dict("records")
    common = {"event.action": "predict", "http.response.status_code": 200, "service.version": servable.version}
    with (folder / "decisions.log").open("w", encoding="utf-8") as log:
        for place, (at, score, features) in enumerate(zip(times, scores.tolist(), values, strict=True)):
            line = {"@timestamp": f"{at.isoformat(timespec='microseconds')}Z", **common, "http.request.id": f"r{place}"}
            log.write(json.dumps(line | {"decision.scores": [score], "decision.features": [features]}) + "\n")
    labels = pd.DataFrame({"request_id": [f"r{place}" for place in range(count)]})
    target = servable.schema["target"]
    labels.assign(**{target: rows[target], "customer_id": rows["customer_id"]}).to_csv(
        folder / "labels.csv", index=False
    )


def watch(source: Path, target: Path) -> None:
    """Do what the command does, with the page and the tables."""
    log, labels = source / "decisions.log", source / "labels.csv"
    with contextlib.suppress(SystemExit):
        monitor(["--log", str(log), "--labels", str(labels), "--output", str(target)])


def main() -> None:
    """Print what a week takes."""
    parser = argparse.ArgumentParser(description="Measure the monitor.")
    parser.add_argument("records", type=int, help="in the week")
    count = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_week(place, count)
        used = measured(watch, place, place / "out")
    print(f"{count:,} records: {used.cpu:.1f} CPU-s, {used.wall:.1f} s, peak {used.peak:.2f} GiB")
    if used.cpu > MOST_CPU:
        raise PipelineError(f"more than {MOST_CPU:g} CPU-seconds")


if __name__ == "__main__":
    run(main)
