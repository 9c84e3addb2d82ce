"""The monitor's exporter with values that a test sets: an alarm opens at the moment that is measured."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, start_http_server

MODEL = "fraud"

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


class Exporter:
    """Gauges of one model in which nothing is wrong, served on a free port."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        for name, labels in GAUGES.items():
            gauge = Gauge(name, name, ["model", *labels], registry=registry)
            if name == "monitor_alarm":
                self._alarm = gauge
            else:
                gauge.labels(MODEL, *labels.values()).set(time.time() if name.endswith("timestamp_seconds") else 0.9)
        self.server, _ = start_http_server(0, "127.0.0.1", registry)
        self.port = self.server.server_port

    def open(self, kind: str, cause: str, action: str, size: float = 2.5) -> float:
        """Open an alarm; return when."""
        assert list(ALARM) == ["class", "cause", "action"]
        self._alarm.labels(MODEL, kind, cause, action).set(size)
        return time.monotonic()


@contextmanager
def exporter() -> Iterator[Exporter]:
    """Serve the gauges until the block ends."""
    found = Exporter()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
