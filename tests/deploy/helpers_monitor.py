"""The real monitor, on a log that a test writes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from lifecycle.bundle.servable import Batch, Servable
from tests.lifecycle.monitoring.helpers_logs import line

DAYS, DELAY, DRIFT = (pd.Timedelta(days, "D") for days in (28, 7, 3))  # of the log, until labels come, of the change


def write_decisions(folder: Path, log: Path, labels: Path) -> None:
    """Write what a service would have logged on a repository's last records, had they come until now.

    In the last days amounts come in another unit: an alarm must open.
    """
    servable, now = Servable.load(folder / "models/bundle"), pd.Timestamp.now("UTC").tz_localize(None)
    table = pd.read_parquet(folder / "data/features/features.parquet")
    times = table["tx_time"] + (now.ceil("D") - table["tx_time"].max().ceil("D"))
    table = table.assign(at=times)[times.between(now - DAYS, now)]
    table.loc[table["at"] > now - DRIFT, "amount"] *= 100
    features = table[list(servable.features)]
    scores, rows = servable.score(Batch(features.to_numpy(float))).score.tolist(), features.to_dict("records")
    with log.open("w") as file:
        for key, at, score, values in zip(table["transaction_id"], table["at"], scores, rows, strict=True):
            said = {"http.response.status_code": 200, "service.version": servable.version}
            said |= {"decision.scores": [score], "decision.features": [values]}
            file.write(line(at, str(key), **said))
    known = table[table["at"] < now - DELAY]
    known.assign(request_id=known["transaction_id"].astype(str))[["request_id", "is_fraud"]].to_csv(labels, index=False)


@contextmanager
def monitor(folder: Path, log: Path, labels: Path) -> Iterator[int]:
    """Start the real monitor in a repository, and return the port of its exporter."""
    command = [sys.executable, "src/mlops.py", "monitor", "--port", "0", "--every", "2"]
    options = ["--log", str(log), "--labels", str(labels)]
    process = subprocess.Popen([*command, *options], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rpartition(":")[2].removesuffix("/metrics\n"))
    finally:
        process.terminate()
        process.communicate(timeout=20)
