"""The page's sections on the records: drift of features and scores, volume, refusals and missing values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.alarms import SUSPECTS
from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.detectors.daily_counts import key_of
from lifecycle.monitoring.detectors.reference import AxisReference
from lifecycle.monitoring.figures_in_words import count_of, percent
from lifecycle.monitoring.monitor_view import LIMIT, View
from lifecycle.monitoring.svg_charts import Series, bars, lines, strip

MOST_FEATURES, MOST_SCORES = 25, 6


def drift(view: View) -> dict[str, Any]:
    """Return the features by their largest drift, and pictures of those nearest to their limits."""
    ranked = sorted(view.reference.of("feature"), key=lambda one: (-_drift_of(view, one).max(), one.axis.name))
    now = sorted(ranked, key=lambda one: -_drift_of(view, one)[-1])[:SUSPECTS]
    return {
        "has_limits": view.reference.is_calibrated,
        "rows": [_drift_row(view, one) for one in ranked[:MOST_FEATURES]],
        "more": max(len(ranked) - MOST_FEATURES, 0),
        "nearest": ", ".join(one.axis.name for one in now),
        "charts": [_shares_chart(view, one, one.axis.names) for one in now],
    }


def _drift_of(view: View, one: AxisReference) -> np.ndarray:
    """Return the ratio to the limit by day; the stability index itself where there is no limit."""
    key = key_of(one.axis)
    return view.found.signals.indices[key] if one.limit is None else view.found.signals.covariate[one.axis.name]


def _drift_row(view: View, one: AxisReference) -> tuple[Any, ...]:
    """Return name, strip, ratios and index of a feature; name and index where there are no limits."""
    name, index, values = one.axis.name, view.found.signals.indices[key_of(one.axis)], _drift_of(view, one)
    when = view.days[int(values.argmax())]
    if not view.reference.is_calibrated:
        return name, f"{index[-1]:.4f}", f"{values.max():.4f} on {when}"
    drawn = strip(name, values, view.days)
    return name, drawn, f"{values[-1]:.2f}", f"{values.max():.2f} on {when}", f"{index[-1]:.4f}"


def _shares_chart(view: View, one: AxisReference, names: Sequence[str]) -> Markup:
    length = min(view.reference.window_days, len(view.days))
    return bars(one.axis.name, names, one.shares, view.last_days(one).tolist(), f"last {count_of(length, 'day')}")


def scores(view: View) -> dict[str, Any]:
    """Return drift and distribution of scores, and of what is decided."""
    axes = view.reference.of("score")
    series = [Series("scores", view.column("score_ratio"))]
    if view.reference.of("decision"):
        series.append(Series("decisions", view.column("decision_ratio"), "other"))
    ratios = view.found.signals.score
    ranked = sorted(axes, key=lambda one: -np.nan_to_num(ratios[one.axis.name][-1]))
    charts = [_shares_chart(view, one, one.axis.names) for one in ranked[:MOST_SCORES]]
    charts += [
        _shares_chart(view, one, _decision_names(view.task, one.axis))
        for one in view.reference.of("decision")
        if one.axis.name != "alert"  # its share is a line, under alerts
    ]
    if view.reference.is_calibrated:
        charts.insert(0, lines("Ratio to the limit", view.days, series, LIMIT))
    return {"charts": charts, "more": max(len(axes) - MOST_SCORES, 0)}


def _decision_names(task: Task, axis: Axis) -> list[str]:
    return ["left to a person", *map(str, task.problem.classes), axis.names[-1]]


def arrival(view: View) -> dict[str, Any]:
    """Return how many records came, were refused, and lacked values."""
    rejected = view.column("rejected")
    charts = [lines("Records a day", view.days, [Series("scored", view.column("records"))])]
    if rejected.any():
        charts.append(lines("Refused records a day", view.days, [Series("refused", rejected, "other")]))
    volume = view.column("volume_ratio")
    if not np.isnan(volume).all():
        title = "Number of records, ratio to the limit"
        charts.append(lines(title, view.days, [Series("more or fewer than usual", volume)], LIMIT))
    return {"charts": charts, "refused": _refused(view), "missing": _missing(view)}


def _refused(view: View) -> list[tuple[str, ...]]:
    arrived = np.maximum(view.found.counts.arrived, 1)
    rows: list[tuple[str, ...]] = []
    for name, count in sorted(view.found.counts.rejected.items(), key=lambda item: (-item[1].sum(), item[0])):
        share, usual = count / arrived, view.reference.rejected.get(name, 0.0)
        most = f"{percent(share.max())} on {view.days[int(share.argmax())]}"
        rows.append((name, f"{int(count.sum()):,}", percent(share[-1]), most, percent(usual)))
    return rows[:MOST_FEATURES]


def _missing(view: View) -> list[tuple[str, ...]]:
    counts, rows = view.found.counts, list[tuple[float, tuple[str, ...]]]()
    for one in view.reference.of("feature"):
        share = counts.counts[key_of(one.axis)][:, -1] / np.maximum(counts.records, 1)
        if share.any():
            most = f"{percent(share.max())} on {view.days[int(share.argmax())]}"
            rows.append((share.max(), (one.axis.name, percent(share[-1]), most, percent(one.missing))))
    return [row for _, row in sorted(rows, key=lambda item: (-item[0], item[1]))][:MOST_FEATURES]
