"""The findings as tables and key figures: for `dvc plots` and `dvc metrics`, for the page, for the gauges."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.monitor_params import KINDS
from lifecycle.monitoring.detectors.daily_counts import key_of
from lifecycle.monitoring.detectors.reference import AxisReference, Reference
from lifecycle.monitoring.detectors.statistics_by_day import daily_loss
from lifecycle.monitoring.performance import UNKNOWN
from lifecycle.monitoring.watch import Findings
from lifecycle.splits.time_windows import DAY

COSTS = ("model", "no_model", "previous")


def worst(ratios: Mapping[str, np.ndarray], days: int) -> np.ndarray:
    """Return the largest ratio of each day, (days,); NaN where none is known."""
    return np.fmax.reduce([*ratios.values()]) if ratios else np.full(days, np.nan)


def days_table(found: Findings, reference: Reference) -> pd.DataFrame:
    """Return a line per day: records, shares, and how far each thing is from its limit."""
    counts, ratios = found.counts, found.signals
    loss, labelled = daily_loss(counts)
    alerts = [counts.counts[key_of(one.axis)][:, 1] for one in reference.of("decision") if one.axis.name == "alert"]
    return pd.DataFrame(
        {
            "day": dates(found),
            "records": counts.records,
            "rejected": counts.arrived - counts.records,
            "alert_share": alerts[0] / np.maximum(counts.records, 1) if alerts else np.nan,
            "drift_score": worst(ratios.covariate, counts.days),
            "score_ratio": worst(_of_kind(found, reference, "score"), counts.days),
            "decision_ratio": worst(_of_kind(found, reference, "decision"), counts.days),
            "volume_ratio": ratios.volume,
            "loss": loss,
            "cusum_ratio": ratios.loss,
            "labelled_share": labelled / np.maximum(counts.records, 1),
        }
    )


def dates(found: Findings) -> list[str]:
    """Return the days of a stream as text."""
    return [str((found.counts.first + place * DAY).date()) for place in range(found.counts.days)]


def _of_kind(found: Findings, reference: Reference, kind: str) -> dict[str, np.ndarray]:
    return {one.axis.name: found.signals.score[one.axis.name] for one in reference.of(kind)}


def features_table(found: Findings, reference: Reference) -> pd.DataFrame:
    """Return a line per day and feature: stability index, ratio to its limit, and the day's share of missing values."""
    lines = [pd.DataFrame(columns=["day", "feature", "index", "ratio", "missing_share"])]
    for one in reference.of("feature"):
        key, name = key_of(one.axis), one.axis.name
        missing = found.counts.counts[key][:, -1] / np.maximum(found.counts.records, 1)
        columns = {"index": found.signals.indices[key], "ratio": found.signals.covariate[name]}
        lines.append(pd.DataFrame({"day": dates(found), "feature": name, **columns, "missing_share": missing}))
    return pd.concat(lines, ignore_index=True)


def performance_table(found: Findings) -> pd.DataFrame:
    """Return a line per window and figure; values are empty where no label is old enough to be known."""
    names = list(dict.fromkeys(name for window in found.windows for name in window.figures))
    lines = [
        (str(window.first.date()), name, *window.figures.get(name, UNKNOWN), window.labelled, window.records)
        for window in found.windows
        for name in names
    ]
    return pd.DataFrame(lines, columns=["window", "metric", "value", "low", "high", "labelled", "records"])


def costs_table(found: Findings) -> pd.DataFrame:
    """Return a line per window and way to decide: the cost of a day, with its interval."""
    lines = [
        (str(window.first.date()), name, *window.costs[name])
        for window in found.windows
        for name in COSTS
        if name in window.costs
    ]
    return pd.DataFrame(lines, columns=["window", "of", "value", "low", "high"])


def scores_table(found: Findings, reference: Reference) -> pd.DataFrame:
    """Return a line per window and bin of the score: its share of the records, and the reference's."""
    lines = []
    for one in reference.of("score"):
        for number, window in enumerate(found.windows):
            counts = _window(found, one, reference, number)
            lines += [
                (str(window.first.date()), one.axis.name, name, share, usual)
                for name, share, usual in zip(one.axis.names, counts / max(counts.sum(), 1), one.shares, strict=True)
            ]
    return pd.DataFrame(lines, columns=["window", "score", "bin", "share", "reference_share"])


def _window(found: Findings, one: AxisReference, reference: Reference, number: int) -> np.ndarray:
    days = slice(number * reference.window_days, (number + 1) * reference.window_days)
    return np.asarray(found.counts.counts[key_of(one.axis)][days].sum(axis=0))


def causes_table(found: Findings, reference: Reference) -> pd.DataFrame:
    """Return the distribution of each alarm's suspects in the days up to the alarm, beside the reference's."""
    by_name = {one.axis.name: one for one in reference.of("feature")}
    lines = []
    for number, alarm in enumerate(found.alarms):
        last = int((min(alarm.raised, alarm.until) - found.counts.first) / DAY)
        days = slice(max(last + 1 - reference.window_days, 0), last + 1)
        for suspect in alarm.suspects:
            one = by_name.get(suspect)
            if one is None:
                continue
            counts = found.counts.counts[key_of(one.axis)][days].sum(axis=0)
            bins = zip(one.axis.names, one.shares, counts / max(counts.sum(), 1), strict=True)
            lines += [(number, alarm.kind, suspect, *each) for each in bins]
    return pd.DataFrame(lines, columns=["alarm", "class", "feature", "bin", "reference_share", "share"])


def key_figures(found: Findings, reference: Reference) -> dict[str, Any]:
    """Return the few figures that are compared from one version to the next."""
    days = days_table(found, reference)
    return {
        "days": found.counts.days,
        "records": int(found.counts.records.sum()),
        "labelled": sum(window.labelled for window in found.windows),
        "calibrated_on_windows": reference.windows,
        "largest_drift_score": _largest(days["drift_score"]),
        "largest_score_ratio": _largest(days["score_ratio"]),
        "largest_cusum_ratio": _largest(days["cusum_ratio"]),
        "alarms": len(found.alarms),
        "alarms_by_action": _by_action(found),
    }


def _largest(values: pd.Series) -> float | None:
    return None if values.isna().all() else float(values.max())


def by_class(found: Findings) -> dict[str, int]:
    """Return how many alarms of each class were raised."""
    kinds = [alarm.kind for alarm in found.alarms]
    return {kind: kinds.count(kind) for kind in KINDS}


def _by_action(found: Findings) -> dict[str, int]:
    actions = [alarm.action for alarm in found.alarms]
    return {action: actions.count(action) for action in sorted(set(actions))}


def tables(found: Findings, reference: Reference) -> dict[str, pd.DataFrame]:
    """Return all tables by file name."""
    return {
        "days": days_table(found, reference),
        "features": features_table(found, reference),
        "performance": performance_table(found),
        "costs": costs_table(found),
        "scores": scores_table(found, reference),
        "causes": causes_table(found, reference),
    }
