"""The page's sections on labels: performance by window, the worst slice, money, and the load of the reviewers."""

from typing import Any

import numpy as np
from markupsafe import Markup

from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring import root_cause
from lifecycle.monitoring.alarms import LOSSES
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, key_of
from lifecycle.monitoring.figures_in_words import count_of, percent, short, with_ends
from lifecycle.monitoring.monitor_view import LIMIT, View, load_of, newest_labelled
from lifecycle.monitoring.performance import UNKNOWN
from lifecycle.monitoring.root_cause import Change
from lifecycle.monitoring.svg_charts import Series, lines, whiskers
from lifecycle.monitoring.watch import Window

MOST_WINDOWS, MOST_SLICES = 12, 5
DECIDERS = {
    "model": ("the model", "now"),
    "previous": ("the previous model", "other"),
    "no_model": ("no model", "usual"),
}


def performance(view: View) -> dict[str, Any]:
    """Return the figures of labelled records: by window, the newest ones, by slice, and the loss by day."""
    task, windows, known = view.task, view.found.windows, newest_labelled(view.found.windows)
    loss = [Series("loss", view.column("loss"))]
    if view.reference.loss is not None:
        loss.append(Series("usual", np.full(len(view.days), view.reference.loss.mean), "usual"))
    charts = [] if known is None else [*_metric_charts(view), lines("Mean loss a day", view.days, loss)]
    if known is not None and not np.isnan(view.column("cusum_ratio")).all():
        series = [Series("all records", view.column("cusum_ratio")), Series("worst part", view.worst_part, "other")]
        charts.append(lines("Rise of the loss, ratio to the limit", view.days, series, LIMIT))
    return {
        "headline": task.label(task.headline),
        "windows": [_window_row(task, window) for window in reversed(windows[-MOST_WINDOWS:])],
        "newest": None if known is None else str(known.first.date()),
        "figures": [] if known is None else _figure_rows(task, known),
        "charts": charts,
        "is_worse": any(alarm.open and alarm.kind in LOSSES for alarm in view.found.alarms),
        **_slices(view),
    }


def _metric_charts(view: View) -> list[Markup]:
    task, windows = view.task, view.found.windows[-MOST_WINDOWS:]
    names = [str(window.first.date()) for window in windows]
    return [
        whiskers(
            task.label(metric).capitalize(),
            names,
            [("value and 95 % interval", "now", [window.figures.get(metric, UNKNOWN) for window in windows])],
        )
        for metric in dict.fromkeys((task.headline, *task.compared))
    ]


def _window_row(task: Task, window: Window) -> tuple[str, ...]:
    figure = with_ends(window.figures.get(task.headline, UNKNOWN))
    return str(window.first.date()), f"{window.records:,}", f"{window.labelled:,}", figure


def _figure_rows(task: Task, window: Window) -> list[tuple[str, ...]]:
    return [(task.label(name), with_ends(figure), task.meaning(name)) for name, figure in window.figures.items()]


def _slices(view: View) -> dict[str, Any]:
    """Return the slices in which the loss above the usual is concentrated, in the last labelled days."""
    counts, reference = view.found.counts, view.reference
    labelled = np.flatnonzero(~np.isnan(view.column("loss")))
    if reference.loss is None or not len(labelled):
        return {"slices": [], "slice_days": "", "worst_slice": None}
    days = slice(max(int(labelled[-1]) + 1 - reference.window_days, 0), int(labelled[-1]) + 1)
    changes = [one for one in root_cause.loss_changes(counts, reference, days) if one.axis.kind == "slice"]
    parts = [(change, place) for change in changes for place in np.flatnonzero(change.excess > 0).tolist()]
    ranked = sorted(parts, key=lambda part: -float(part[0].lift[part[1]]))
    return {
        "slices": [_slice_row(counts, change, place, days) for change, place in ranked[:MOST_SLICES]],
        "slice_days": f"{view.days[days.start]} to {view.days[days.stop - 1]}",
        "worst_slice": root_cause.worst_cut(changes),
    }


def _slice_row(counts: DailyCounts, change: Change, place: int, days: slice) -> tuple[str, ...]:
    key = key_of(change.axis)
    records, loss = (float(table[key][days, place].sum()) for table in (counts.labelled, counts.loss))
    usual = (loss - change.excess[place]) / max(records, 1)
    share = change.lift[place] + change.expected[place]
    name = f"{change.axis.name} {change.axis.names[place]}"
    return (
        name,
        f"{records:,.0f}",
        short(loss / max(records, 1)),
        short(usual),
        percent(share),
        percent(change.expected[place]),
    )


def money(view: View, has_previous: bool) -> dict[str, Any]:
    """Return the cost of a day by window: with the model, without one, and with the previous one."""
    windows = view.found.windows[-MOST_WINDOWS:]
    known = [window for window in windows if window.costs]
    if not known:
        labelled = newest_labelled(windows) is not None
        text = "This decision has no cost." if labelled else "Cost a day: not known yet, no label is old enough."
        return {"text": text, "chart": None, "rows": []}
    deciders = [name for name in DECIDERS if name in known[-1].costs]
    groups = [(*DECIDERS[name], [window.costs.get(name, UNKNOWN) for window in windows]) for name in deciders]
    said = [f"{with_ends(known[-1].costs[name])} with {DECIDERS[name][0]}" for name in deciders]
    none = "" if has_previous else " No previous model is known: its bundle is looked for in monitor.previous."
    return {
        "text": f"In currency units, a day of the window from {known[-1].first.date()} cost {', '.join(said)}.{none}",
        "chart": whiskers("Cost a day", [str(window.first.date()) for window in windows], groups, from_zero=True),
        "header": [DECIDERS[name][0] for name in deciders],
        "rows": [
            (str(window.first.date()), *(with_ends(window.costs.get(name, UNKNOWN)) for name in deciders))
            for window in reversed(windows)
        ],
    }


def review(view: View, capacity: int | None) -> dict[str, Any]:
    """Return the alerts a day against what people can review."""
    load = load_of(view)
    if load is None:
        return {"text": "This decision asks nobody for a review.", "chart": None}
    recent = f"{load.title}: {short(load.recent)} in the last window"
    series = [Series(load.title.removesuffix(" a day").lower(), load.by_day)]
    if capacity is None:
        text = f"{recent}. What people can review is not known: monitor.review_capacity_per_day in params.yaml."
        return {"text": text, "chart": lines(load.title, view.days, series)}
    over = int((load.by_day > capacity).sum())
    text = f"{recent}, {percent(load.recent / capacity)} of the {capacity:,} that people can review;"
    text += f" more on {count_of(over, 'day')} of {len(view.days)}."
    return {"text": text, "chart": lines(load.title, view.days, series, ("capacity", float(capacity)))}
