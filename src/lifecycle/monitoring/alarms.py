"""Alarms: what has been beyond its limit for long enough, since when, what is suspect, and what is to be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.monitor_params import MonitorParams
from lifecycle.monitoring import root_cause
from lifecycle.monitoring.detectors.daily_counts import DAY, DailyCounts
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.root_cause import Cut
from lifecycle.monitoring.signals import Signals

DATA_FAULTS = ("schema", "quality")  # a fault of the data explains what follows from it
DRIFTS = ("covariate", "score")
LOSSES = ("concept", "performance")
WHOLE = "all records"
SUSPECTS = 3
BUDGET_DAYS = 28
NONE = "none"


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Parameters
    ----------
    kind : {"schema", "quality", "volume", "covariate", "score", "concept", "performance"}
        The class; files call it `class`.
    size : float
        Ratio to the limit on the day on which it was raised.
    since, raised, until : pandas.Timestamp
        First day beyond the limit; the day at whose end that was known; the last day beyond.
    suspects : tuple of str
        Features or columns, the most suspect first.
    cut : Cut or None
        The part of the records in which the change is concentrated.
    action : {"page", "ticket", "retrain", "rollback", "none"}
        What the decision table of params says.
    reason : str
        Why that action, in a sentence.
    open : bool
        Whether the last day is beyond the limit.
    """

    kind: str
    size: float
    since: pd.Timestamp
    raised: pd.Timestamp
    until: pd.Timestamp
    suspects: tuple[str, ...]
    cut: Cut | None
    action: str
    reason: str
    open: bool

    def as_json(self) -> dict[str, Any]:
        """Return the entry of alarms.json."""
        days = {name: str(getattr(self, name).date()) for name in ("since", "raised", "until")}
        cut = None if self.cut is None else self.cut._asdict()
        rest = {"suspects": list(self.suspects), "cut": cut, "action": self.action, "reason": self.reason}
        return {"class": self.kind, "size": self.size, **days, **rest, "open": self.open}


class Episode(NamedTuple):
    """Days on which a class was beyond its limit, as places from the first day."""

    kind: str
    since: int
    raised: int
    until: int
    open: bool


def find_alarms(
    found: Signals, counts: DailyCounts, reference: Reference, options: MonitorParams, delay_days: float, label: str
) -> list[Alarm]:
    """Return the alarms of a stream in the order in which they were raised.

    Parameters
    ----------
    found, counts, reference : Signals, DailyCounts, Reference
        The ratios to the limits, and what they come from.
    options : MonitorParams
        Persistence and budget of each class, and the table of actions.
    delay_days : float
        Age at which a label is known.
    label : str
        The column of labels: what is suspect when the loss has risen everywhere alike.
    """
    by_class = ratios_by_class(found)
    episodes = {kind: _episodes(kind, ratios, reference, options) for kind, ratios in by_class.items()}
    places = [episode for kind in by_class if kind != "loss" for episode in episodes[kind]]
    places += [_with_onset(episode, by_class["loss"]) for episode in episodes["loss"]]
    late = ceil(delay_days)
    order = [*DATA_FAULTS, "volume", *DRIFTS, "loss"]
    places.sort(key=lambda one: (one.raised + late * (one.kind == "loss"), order.index(one.kind)))
    made: list[Alarm] = []
    for episode in places:
        known = [other for other in places if other.raised <= episode.raised + late * (episode.kind == "loss")]
        kind = _class_of(episode, known, reference)
        suspects, cut = _causes(episode, by_class, counts, reference)
        if kind in LOSSES:
            suspects = (*suspects, label)[:SUSPECTS] if suspects else (label,)
        size = float(_worst(by_class[episode.kind])[episode.raised])
        since, raised, until = (counts.first + place * DAY for place in episode[1:4])
        raised += late * DAY if episode.kind == "loss" else 0 * DAY
        alarm = Alarm(kind, size, since, raised, until, suspects, cut, NONE, "", episode.open)
        made.append(_with_action(alarm, made, counts.first, reference, options))
    return made


def ratios_by_class(found: Signals) -> dict[str, dict[str, np.ndarray]]:
    """Return the ratios of each class by what they are about; the loss becomes a class once its cause is known."""
    return {
        "schema": found.schema,
        "quality": found.quality,
        "volume": {"records": found.volume},
        "covariate": found.covariate,
        "score": found.score,
        "loss": {WHOLE: found.loss, **found.loss_parts},
    }


def _worst(ratios: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the largest ratio of each day, 0 where nothing is known."""
    stacked = [np.nan_to_num(one, nan=0.0) for one in ratios.values()]
    return np.max(stacked, axis=0) if stacked else np.zeros(0)


def _episodes(
    kind: str, ratios: Mapping[str, np.ndarray], reference: Reference, options: MonitorParams
) -> list[Episode]:
    """Return runs of days beyond the limit; runs with less than a window between them are one."""
    beyond = _worst(ratios) > 1
    least = options.persistence["performance" if kind == "loss" else kind]
    runs: list[list[int]] = []
    for place in np.flatnonzero(beyond).tolist():
        if runs and place - runs[-1][-1] == 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    found: list[Episode] = []
    for run in runs:
        if found and run[0] - found[-1].until < reference.window_days:
            found[-1] = found[-1]._replace(until=run[-1])
        elif len(run) >= least:
            found.append(Episode(kind, run[0], run[least - 1], run[-1], False))
    return [episode._replace(open=bool(episode.until == len(beyond) - 1)) for episode in found]


def _with_onset(episode: Episode, ratios: Mapping[str, np.ndarray]) -> Episode:
    """Begin where the cumulative sum left zero: from there on the loss was above the usual one."""
    ratio = max(ratios.values(), key=lambda one: float(np.nan_to_num(one[episode.raised])))
    calm = np.flatnonzero(~(ratio[: episode.since] > 0))
    return episode._replace(since=int(calm[-1]) + 1 if len(calm) else 0)


def _class_of(episode: Episode, known: Sequence[Episode], reference: Reference) -> str:
    """Return the class; a loss that rises while nothing else has changed tells of another meaning of the features."""
    if episode.kind != "loss":
        return episode.kind
    begin = episode.since - reference.window_days
    drifted = any(other.kind in DRIFTS and other.until >= begin for other in known)
    return "performance" if drifted else "concept"


def _causes(
    episode: Episode, by_class: Mapping[str, Mapping[str, np.ndarray]], counts: DailyCounts, reference: Reference
) -> tuple[tuple[str, ...], Cut | None]:
    """Return suspects and the cut in which the change is concentrated, from what was known when it was raised."""
    at_raise = {name: float(np.nan_to_num(one[episode.raised])) for name, one in by_class[episode.kind].items()}
    named = sorted(at_raise, key=lambda name: (-at_raise[name], name))
    if episode.kind == "loss":
        changes = root_cause.loss_changes(counts, reference, slice(episode.since, episode.raised + 1))
        parts = [name for name in named if name != WHOLE and at_raise[name] > 1]
        both = tuple(dict.fromkeys([*parts, *root_cause.concentrated(changes)]))
        return both[:SUSPECTS], root_cause.worst_cut(changes)
    begin = max(episode.raised + 1 - reference.window_days, 0) if episode.kind not in DATA_FAULTS else episode.since
    changes = root_cause.count_changes(counts, reference, slice(begin, episode.raised + 1))
    if episode.kind in ("score", "volume"):
        moved = {name: float(np.nan_to_num(one[episode.raised])) for name, one in by_class["covariate"].items()}
        return tuple(sorted(moved, key=lambda name: (-moved[name], name)))[:SUSPECTS], root_cause.worst_cut(changes)
    suspects = [name for name in named if at_raise[name] > 1]
    if episode.kind == "quality":  # a feature may be made from one that stands before it; columns are before all
        place = {one.axis.name: number for number, one in enumerate(reference.of("feature"), 1)}
        suspects.sort(key=lambda name: place.get(name, 0))
    own = [change for change in changes if change.axis.kind == "feature" and change.axis.name in suspects[:SUSPECTS]]
    return tuple(suspects[:SUSPECTS]), root_cause.worst_cut(own)


def _with_action(
    alarm: Alarm, earlier: Sequence[Alarm], first: pd.Timestamp, reference: Reference, options: MonitorParams
) -> Alarm:
    """Look the action up; what a fault of the data explains, and what is over budget, asks for none."""
    fault = _explanation(alarm, earlier, reference)
    if fault is not None:
        named = f"the {fault.kind} fault of {fault.suspects[0]} explains it: mend that first"
        return replace(alarm, reason=named)
    recent = [one for one in earlier if one.kind == alarm.kind and alarm.raised - one.raised < BUDGET_DAYS * DAY]
    most = options.budget[alarm.kind]
    if len(recent) >= most:
        return replace(alarm, reason=f"more than {most} alarms of this class in {BUDGET_DAYS} days")
    age = (alarm.raised - first) / DAY
    for rule in options.actions:
        if rule.fits(alarm.kind, alarm.size, age):
            return replace(alarm, action=rule.action, reason=rule.because)
    return replace(alarm, reason="no line of monitor.actions is about it")


def _explanation(alarm: Alarm, earlier: Sequence[Alarm], reference: Reference) -> Alarm | None:
    """Return the data fault whose days overlap with those of an alarm, or whose records its window holds."""
    if alarm.kind == "schema":
        return None
    window = reference.window_days * DAY
    for fault in earlier:
        worse = fault.kind == "schema" or (fault.kind == "quality" and alarm.kind != "quality")
        if worse and fault.since <= alarm.raised and fault.until >= alarm.since - window:
            return fault
    return None


def as_json(alarms: Sequence[Alarm]) -> dict[str, Any]:
    """Return the content of alarms.json."""
    return {"alarms": [alarm.as_json() for alarm in alarms]}
