"""The monitor's exporter as Prometheus sees it: the same gauges, with values that a test sets."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

MODEL = "fraud"
PLAIN = [
    "model_accuracy",
    "model_f1_score",
    "data_drift_score",
    "monitor_last_run_timestamp_seconds",
    "monitor_last_record_timestamp_seconds",
    "monitor_records",
    "monitor_rejected_share",
    "monitor_score_drift_ratio",
    "monitor_decision_drift_ratio",
    "monitor_alert_share",
    "monitor_volume_ratio",
    "monitor_loss",
    "monitor_loss_cusum_ratio",
    "monitor_labelled_share",
    "monitor_alerts_per_day",
    "monitor_review_capacity_per_day",
]
LABELLED = {
    "model_info": {"version": "abc"},
    "monitor_feature_drift_ratio": {"feature": "amount"},
    "monitor_feature_missing_share": {"feature": "amount"},
    "monitor_performance": {"metric": "recall", "bound": "value"},
    "monitor_cost_per_day": {"of": "model", "bound": "value"},
}


class Exporter:
    """Gauges of one model in which nothing is wrong, served on a free port."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        for name, labels in [*((name, {}) for name in PLAIN), *LABELLED.items()]:
            gauge = Gauge(name, "As in docs/monitoring.md.", ["model", *labels], registry=registry)
            gauge.labels(MODEL, *labels.values()).set(time.time() if name.endswith("timestamp_seconds") else 0.9)
        self._alarm = Gauge("monitor_alarm", "Size of an open alarm.", ["model", "class", "cause", "action"],
                            registry=registry)  # fmt: skip
        Counter("monitor_alarms", "Alarms raised.", ["model", "class"], registry=registry).labels(MODEL, "schema").inc()
        self.server, _ = start_http_server(0, "127.0.0.1", registry)
        self.port = self.server.server_port

    def open(self, kind: str, cause: str, action: str, size: float = 2.5) -> float:
        """Open an alarm; return when."""
        self._alarm.labels(MODEL, kind, cause, action).set(size)
        return time.monotonic()

    def close(self, kind: str, cause: str, action: str) -> None:
        """Close it: an alarm that is over is no series any more."""
        self._alarm.remove(MODEL, kind, cause, action)


@contextmanager
def exporter() -> Iterator[Exporter]:
    """Serve the gauges until the block ends."""
    found = Exporter()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
