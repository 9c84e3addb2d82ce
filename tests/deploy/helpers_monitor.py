"""The gauges of the monitor for what reads them: each with a value, or those of the real one on a log."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from lifecycle.bundle.servable import Batch, Servable

ALARM = {"class": "covariate", "cause": "amount", "action": "retrain"}
# Each gauge with the labels that it has beside `model`.
GAUGES: Mapping[str, Mapping[str, str]] = {
    "model_accuracy": {},
    "model_f1_score": {},
    "data_drift_score": {},
    "model_info": {"version": "1"},
    "monitor_last_run_timestamp_seconds": {},
    "monitor_last_record_timestamp_seconds": {},
    "monitor_records": {},
    "monitor_rejected_share": {},
    "monitor_feature_drift_ratio": {"feature": "amount"},
    "monitor_feature_missing_share": {"feature": "amount"},
    "monitor_score_drift_ratio": {},
    "monitor_decision_drift_ratio": {},
    "monitor_alert_share": {},
    "monitor_volume_ratio": {},
    "monitor_loss": {},
    "monitor_loss_cusum_ratio": {},
    "monitor_labelled_share": {},
    "monitor_performance": {"metric": "average_precision", "bound": "value"},
    "monitor_alarm": ALARM,
    "monitor_alarms_total": {"class": "covariate"},
    "monitor_cost_per_day": {"of": "model", "bound": "value"},
    "monitor_alerts_per_day": {},
    "monitor_review_capacity_per_day": {},
}


@contextmanager
def exporter(*models: str) -> Iterator[int]:
    """Export each gauge once for each model, on a free port of loopback, and return the port."""
    registry = CollectorRegistry()
    for name, labels in GAUGES.items():
        gauge = Gauge(name, name, ["model", *labels], registry=registry)
        for model in models:
            gauge.labels(model, *labels.values()).set(0.5)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
            line = {"@timestamp": f"{at.isoformat()}Z", "event.action": "predict", "http.request.id": str(key)}
            line |= {"http.response.status_code": 200, "service.version": servable.version}
            line |= {"decision.scores": [score], "decision.features": [values]}
            file.write(json.dumps(line) + "\n")
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
