"""The gauges of the monitor, with values, for what reads them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, start_http_server

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
