"""The page metrics/monitor/monitor.html: health, alarms and their causes, drift, quality and money, for people.

Its text is monitor.html.jinja beside this file. The same findings give the same bytes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from lifecycle.core.monitor_params import SEVERITY
from lifecycle.document.html_page import fill_page
from lifecycle.monitoring import monitor_tables
from lifecycle.monitoring.alarms import LOSSES, Alarm, ratios_by_class
from lifecycle.monitoring.drift_sections import arrival, drift, scores
from lifecycle.monitoring.figures_in_words import count_of, percent, short
from lifecycle.monitoring.monitor_health import MEANING, TO_DO, Health, Subject, health, labels_in_words, not_watched
from lifecycle.monitoring.monitor_tables import worst
from lifecycle.monitoring.monitor_view import LIMIT, View, load_of, newest_labelled
from lifecycle.monitoring.performance import UNKNOWN, Figure
from lifecycle.monitoring.performance_sections import money, performance, review
from lifecycle.monitoring.svg_charts import STYLE, Series, bars, lines
from lifecycle.monitoring.watch import Findings, Watched, Window
from lifecycle.splits.time_windows import DAY

TEMPLATE = Path(__file__).with_name("monitor.html.jinja")
MOST_ALARMS = 6  # that have pictures
PAGE_STYLE = """
.health { padding: .75rem 1rem; border-left: .4rem solid var(--usual); background: var(--band); font-size: 1.05rem }
.health.calm { border-color: var(--calm) } .health.alarm { border-color: var(--over); background: var(--over-band) }
:root { --calm: #1a7f37 }
@media (prefers-color-scheme: dark) { :root { --calm: #3fb950 } }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .75rem; margin: 1rem 0 }
.tiles div { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .6rem; font-size: .8125rem }
.tiles dd { margin: 0; color: var(--quiet) }
.tiles b { font-size: 1.25rem; color: var(--ink) }
.short { white-space: nowrap } .long { min-width: 15rem }
.note { font-size: .875rem; color: var(--quiet) }
summary { cursor: pointer; font-weight: 600; margin-top: 1rem }
"""


def monitor_page(found: Findings, watched: Watched, subject: Subject) -> str:
    """Return the page.

    Parameters
    ----------
    found : Findings
        What is shown.
    watched : Watched
        Whom it is about: kind of target, reference, delay of labels.
    subject : Subject
        Name and version of the model, review capacity, and what is not watched.
    """
    view = View.of(found, watched)
    content: dict[str, Any] = {
        "health": health(found, watched),
        "about": f"Version {subject.version}. {_period(view)}",
        "unwatched": not_watched(watched.reference, subject),
        "has_records": bool(found.counts.arrived.sum()),
    }
    if content["has_records"]:
        content |= {
            "tiles": _tiles(view, subject),
            "alarms": _alarms(view),
            "drift": drift(view),
            "scores": scores(view),
            "arrival": arrival(view),
            "labels": labels_in_words(found, watched),
            "performance": performance(view),
            "money": money(view, watched.previous is not None),
            "review": review(view, subject.review_capacity),
        }
    return fill_page(TEMPLATE, f"Monitor of {subject.name}", STYLE + PAGE_STYLE, **content)


def empty_page(why: str) -> str:
    """Return the page of a model that is not watched."""
    health = Health("unknown", "Nothing is watched.", f"{why.capitalize()}.")
    content = {"health": health, "about": "", "unwatched": [], "has_records": False}
    return fill_page(TEMPLATE, "Monitor", STYLE + PAGE_STYLE, **content)


def _period(view: View) -> str:
    records = count_of(int(view.found.counts.records.sum()), "record")
    if not view.days:
        return f"{records}."
    return f"{count_of(len(view.days), 'day')}, {view.days[0]} to {view.days[-1]}: {records}."


def _tiles(view: View, subject: Subject) -> list[tuple[str, str, str]]:
    """Return the week at a glance: name, value, and what it is held against."""
    found, known = view.found, newest_labelled(view.found.windows)
    open_ones = sum(alarm.open for alarm in found.alarms)
    headline = view.task.label(view.task.headline)
    figure = UNKNOWN if known is None else known.figures.get(view.task.headline, UNKNOWN)
    rise = np.fmax(view.column("cusum_ratio"), view.worst_part)
    tiles = [
        ("Open alarms", str(open_ones), f"{len(found.alarms)} raised in {count_of(len(view.days), 'day')}"),
        ("Drift of features", _now(view.column("drift_score")), "of the limit, the worst feature"),
        ("Drift of scores", _now(view.column("score_ratio")), "of the limit"),
        ("Rise of the loss", _now(rise), "of the limit, all records or the worst part"),
        (headline.capitalize(), *_value_and_ends(figure, known)),
    ]
    if known is not None and "model" in known.costs:
        tiles.append(("Cost a day", *_value_and_ends(known.costs["model"], known)))
    load = load_of(view)
    if load is not None:
        against = f"{subject.review_capacity:,} can be reviewed" if subject.review_capacity else "capacity not known"
        tiles.append((load.title, short(load.recent), against))
    return tiles


def _now(values: np.ndarray) -> str:
    """Return the newest ratio that is known."""
    known = values[~np.isnan(values)]
    return f"{known[-1]:.2f}" if len(known) else "not known"


def _value_and_ends(figure: Figure, window: Window | None) -> tuple[str, str]:
    if figure.value is None or window is None:
        return "not known yet", "no label is old enough"
    ends = "" if figure.low is None or figure.high is None else f"{short(figure.low)} to {short(figure.high)}, "
    return short(figure.value), f"{ends}window from {window.first.date()}"


def _alarms(view: View) -> dict[str, Any]:
    """Return the table of alarms, the newest first, and each alarm by itself; those that matter most have pictures."""
    alarms, causes = view.found.alarms, monitor_tables.causes_table(view.found, view.reference)
    newest = sorted(range(len(alarms)), key=lambda place: (alarms[place].raised, place), reverse=True)
    first = sorted(newest, key=lambda place: (not alarms[place].open, -SEVERITY.index(alarms[place].action)))
    return {
        "rows": [_alarm_row(alarms[place]) for place in newest],
        "each": [
            {
                "alarm": alarms[place],
                "raised": str(alarms[place].raised.date()),
                "text": _alarm_in_words(alarms[place]),
                "charts": _alarm_charts(view, alarms[place], causes[causes["alarm"] == place])
                if number < MOST_ALARMS
                else [],
            }
            for number, place in enumerate(first)
        ],
    }


def _alarm_row(alarm: Alarm) -> tuple[str, ...]:
    until = "open" if alarm.open else str(alarm.until.date())
    cut = "no part stands out" if alarm.cut is None else f"{alarm.cut.where} ({percent(alarm.cut.share)})"
    suspects = ", ".join(alarm.suspects) or "none"
    dates = (str(alarm.since.date()), str(alarm.raised.date()), until)
    return (alarm.kind, alarm.action, f"{alarm.size:.1f}", *dates, suspects, cut)


def _alarm_in_words(alarm: Alarm) -> str:
    where = "The change is spread over all records."
    if alarm.cut is not None:
        where = f"{percent(alarm.cut.share)} of the change lies in {alarm.cut.where}."
    return f"{MEANING[alarm.kind].capitalize()}. {where} To do: {TO_DO[alarm.action]}, since {alarm.reason}."


def _alarm_charts(view: View, alarm: Alarm, causes: pd.DataFrame) -> list[Markup]:
    """Return the ratio to the limit by day, and the suspects before and now."""
    kind = "loss" if alarm.kind in LOSSES else alarm.kind
    ratio = worst(ratios_by_class(view.found.signals)[kind], len(view.days))
    first = view.found.counts.first
    span = (int((alarm.since - first) / DAY), int((alarm.until - first) / DAY))
    charts = [lines("Ratio to the limit", view.days, [Series(alarm.kind, ratio)], LIMIT, span)]
    for name, own in causes.groupby("feature", sort=False):
        shares = (own["bin"].tolist(), own["reference_share"].tolist(), own["share"].tolist())
        charts.append(bars(str(name), *shares, f"the days up to {min(alarm.raised, alarm.until).date()}"))
    return charts
