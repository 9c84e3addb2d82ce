"""The project's own monitor on a world: limits from the weeks before, and alarms on those that are watched.

Not run by itself. As the stages `package` and `monitor` do it, without their figures of quality and money.
"""

import time
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.drift.worlds import BACKTEST, END, FIRST, LABELS, TRAIN, WATCH, Seen, World, between
from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import MonitoringLimits
from lifecycle.monitoring.alarms import Alarm, find_alarms
from lifecycle.monitoring.detectors.backtest import axes_of
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, Stream, daily_counts
from lifecycle.monitoring.detectors.reference import Reference, calibrate
from lifecycle.monitoring.signals import signals
from lifecycle.monitoring.watch import Watched, only_known
from lifecycle.splits.time_windows import DAY
from problems.transactions import LABEL_DELAY_DAYS


class Calm(NamedTuple):
    """What a monitor knows of a world before the days that are watched."""

    reference: Reference
    options: MonitorParams


def calm(world: World, limits: MonitoringLimits, options: MonitorParams) -> Calm:
    """Learn the limits from the weeks before the training, and from those between it and the watched ones."""
    runs = [stream(world, world.seen, first, end) for first, end in ((BACKTEST, TRAIN), (LABELS, WATCH))]
    records = pd.concat([run.records for run in runs], ignore_index=True)
    axes = axes_of(world.task, list(world.model.feature_names_in_), records)
    return Calm(calibrate([daily_counts(run, axes, "tx_time") for run in runs], axes, limits), options)


def stream(world: World, seen: Seen, first: int, end: int) -> Stream:
    """Return what was seen on first <= day < end; all labels are known."""
    records, start = between(seen.table, first, end), FIRST + first * DAY
    return Stream(records, world.task.losses(records), seen.rejected, start, end - first)


def watched_counts(world: World, seen: Seen, reference: Reference) -> DailyCounts:
    """Return the counts of the watched days, without the labels that are not known at their end."""
    about = Watched(world.task, reference, world.decision, "tx_time", LABEL_DELAY_DAYS)
    found = only_known(stream(world, seen, WATCH, END), about, FIRST + END * DAY)
    return daily_counts(found, [one.axis for one in reference.axes], "tx_time")


def alarms_of(counts: DailyCounts, known: Calm) -> list[Alarm]:
    """Return the alarms of the watched days."""
    found = signals(counts, known.reference)
    return find_alarms(found, counts, known.reference, known.options, LABEL_DELAY_DAYS, "is_fraud")


def watched(world: World, seen: Seen, known: Calm) -> tuple[list[dict[str, Any]], float]:
    """Return the alarms of the watched days as alarms.json has them, with days from 0, and the CPU seconds it took."""
    begin = time.process_time()
    alarms = alarms_of(watched_counts(world, seen, known.reference), known)
    seconds = time.process_time() - begin
    return [as_days(alarm) for alarm in alarms], seconds


def as_days(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm whose days are counted from the first of the world."""
    days = {name: int((getattr(alarm, name) - FIRST) // DAY) for name in ("since", "raised", "until")}
    return alarm.as_json() | days
