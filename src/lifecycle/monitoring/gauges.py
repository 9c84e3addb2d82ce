"""The findings as Prometheus gauges: scraped from an exporter, or pushed to a Pushgateway."""

from collections.abc import Iterable, Iterator
from urllib.error import URLError

import numpy as np
from prometheus_client import CollectorRegistry, push_to_gateway
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lifecycle.core.errors import PipelineError
from lifecycle.monitoring import monitor_tables
from lifecycle.monitoring.alarms import Alarm
from lifecycle.monitoring.detectors.daily_counts import key_of
from lifecycle.monitoring.live import Live
from lifecycle.monitoring.monitor_view import newest_labelled
from lifecycle.monitoring.performance import Figure

JOB = "mlops_monitor"
F1 = ("f1", "macro_f1")  # of a binary target, of several classes
BOUNDS = ("value", "low", "high")
UNTITLED = "none"


class Gauges(Collector):
    """The latest findings, as what a registry collects."""

    def __init__(self, live: Live) -> None:
        self.live = live

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; what is not known has none."""
        yield from (family for family in families(self.live) if family.samples)


def families(live: Live) -> Iterable[Metric]:
    """Return all gauges of findings."""
    yield from _quality(live)
    yield from _health(live)
    yield from _drift(live)
    yield from _alarms(live)
    yield from _money(live)


def _family(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=["model", *labels])


def _one(live: Live, name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    family = _family(name, meaning)
    if value is not None and not np.isnan(value):
        family.add_metric([live.subject.name], float(value))
    return family


def _quality(live: Live) -> Iterator[Metric]:
    window = newest_labelled(live.findings.windows)
    figures = {} if window is None else window.figures
    f1 = next((figures[name].value for name in F1 if name in figures), None)
    accuracy = figures["accuracy"].value if "accuracy" in figures else None
    yield _one(live, "model_accuracy", "Share of right decisions, of the newest known labels.", accuracy)
    yield _one(live, "model_f1_score", "F1 score, of the newest known labels.", f1)
    performance = _family("monitor_performance", "Figures of the newest known labels.", "metric", "bound")
    for name, figure in figures.items():
        _add(performance, [live.subject.name, name], figure)
    yield performance


def _add(family: GaugeMetricFamily, labels: list[str], figure: Figure) -> None:
    for bound, value in zip(BOUNDS, figure, strict=True):
        if value is not None:
            family.add_metric([*labels, bound], value)


def _health(live: Live) -> Iterator[Metric]:
    counts, windows = live.findings.counts, live.findings.windows
    info = _family("model_info", "The version that is watched.", "version")
    info.add_metric([live.subject.name, live.subject.version], 1.0)
    yield info
    yield _one(live, "monitor_last_run_timestamp_seconds", "When the log was read.", live.as_of.timestamp())
    last = None if live.last_record is None else live.last_record.timestamp()
    yield _one(live, "monitor_last_record_timestamp_seconds", "When the last record was decided on.", last)
    if not counts.days:
        return
    records, arrived = int(counts.records[-1]), int(counts.arrived[-1])
    yield _one(live, "monitor_records", "Records of the last window.", windows[-1].records)
    refused = (arrived - records) / arrived if arrived else None
    yield _one(live, "monitor_rejected_share", "Share of the last day's records that were refused.", refused)
    known = "Share of the records older than the label delay whose label is known."
    yield _one(live, "monitor_labelled_share", known, live.labelled_share)


def _last(live: Live, column: str) -> float | None:
    """Return the last known value of a column of the days."""
    known = live.days[column].dropna()
    return None if known.empty else float(known.iloc[-1])


def _drift(live: Live) -> Iterator[Metric]:
    reference, found = live.reference, live.findings
    yield _one(live, "data_drift_score", "Largest drift of a feature, to its limit.", _last(live, "drift_score"))
    yield _one(live, "monitor_score_drift_ratio", "Drift of the score, to its limit.", _last(live, "score_ratio"))
    decision = _last(live, "decision_ratio")
    yield _one(live, "monitor_decision_drift_ratio", "Drift of the decisions, to its limit.", decision)
    alerts = _last(live, "alert_share")
    yield _one(live, "monitor_alert_share", "Share of the last day's records with an alert.", alerts)
    yield _one(live, "monitor_volume_ratio", "Change of a day's records, to its limit.", _last(live, "volume_ratio"))
    yield _one(live, "monitor_loss", "Mean loss of the newest day with labels.", _last(live, "loss"))
    cusum = _last(live, "cusum_ratio")
    yield _one(live, "monitor_loss_cusum_ratio", "Cumulative sum of the loss, to its limit.", cusum)
    drift = _family("monitor_feature_drift_ratio", "Drift of a feature, to its limit.", "feature")
    missing = _family("monitor_feature_missing_share", "Share of the last day's values that are missing.", "feature")
    for one in reference.of("feature") if found.counts.days else []:
        name, ratio = one.axis.name, found.signals.covariate[one.axis.name][-1]
        if not np.isnan(ratio):
            drift.add_metric([live.subject.name, name], float(ratio))
        absent = found.counts.counts[key_of(one.axis)][-1, -1] / max(int(found.counts.records[-1]), 1)
        missing.add_metric([live.subject.name, name], float(absent))
    yield from (drift, missing)


def _alarms(live: Live) -> Iterator[Metric]:
    open_ones = _family("monitor_alarm", "Size of an open alarm, to its limit.", "class", "cause", "action")
    for alarm in live.findings.alarms:
        if alarm.open:
            open_ones.add_metric([live.subject.name, alarm.kind, cause_of(alarm), alarm.action], alarm.size)
    raised = CounterMetricFamily("monitor_alarms", "Alarms of the days that are watched.", labels=["model", "class"])
    for kind, count in monitor_tables.by_class(live.findings).items():
        raised.add_metric([live.subject.name, kind], count)
    yield from (open_ones, raised)


def cause_of(alarm: Alarm) -> str:
    """Return what an alarm names first."""
    return alarm.suspects[0] if alarm.suspects else UNTITLED


def _money(live: Live) -> Iterator[Metric]:
    cost = _family("monitor_cost_per_day", "Cost of a day of the newest known labels.", "of", "bound")
    window = newest_labelled(live.findings.windows)
    for name, figure in ({} if window is None else window.costs).items():
        _add(cost, [live.subject.name, name], figure)
    yield cost
    yield _one(live, "monitor_alerts_per_day", "Alerts a day, of the last window.", live.alerts_per_day)
    capacity = live.subject.review_capacity
    yield _one(live, "monitor_review_capacity_per_day", "Alerts a day that people can review.", capacity)


def push(live: Live, address: str) -> None:
    """Replace what a Pushgateway has of this model.

    Raises
    ------
    PipelineError
        It does not answer, or refuses.
    """
    registry = CollectorRegistry()
    registry.register(Gauges(live))
    try:
        push_to_gateway(address, JOB, registry, grouping_key={"model": live.subject.name})
    except (URLError, OSError, ValueError) as error:
        raise PipelineError(f"--push {address}: {getattr(error, 'reason', None) or error}") from error
