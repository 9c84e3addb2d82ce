"""Alarms: what has been beyond its limit for long enough, since when, what is suspect, and what is to be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.monitor_params import MonitorParams
from lifecycle.monitoring import root_cause
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, key_of
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.root_cause import Cut
from lifecycle.monitoring.signals import Signals
from lifecycle.splits.time_windows import DAY

DATA_FAULTS = ("schema", "quality")  # a fault of the data explains what follows from it
DRIFTS = ("covariate", "score")
LOSSES = ("concept", "performance")
WHOLE = "all records"
SUSPECTS = 3
BUDGET_DAYS = 28
NONE = "none"
ORDER = (*DATA_FAULTS, "volume", *DRIFTS, "loss")  # of alarms that are raised on the same day
NEAR = 0.5  # of its limit: a feature that has drifted so far may be why scores have moved


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
    episodes["loss"] = _with_onsets(episodes["loss"], by_class["loss"])
    places = [episode for kind in by_class for episode in episodes[kind]]
    late = {"loss": ceil(delay_days)}
    places.sort(key=lambda one: (one.raised + late.get(one.kind, 0), ORDER.index(one.kind)))
    made: list[Alarm] = []
    for episode in places:
        known = episode.raised + late.get(episode.kind, 0)
        kind = _class_of(episode, [other for other in places if other.raised <= known], reference)
        suspects, cut = _causes(episode, found, counts, reference)
        if kind in LOSSES:
            suspects = (*suspects, label)[:SUSPECTS] if suspects else (label,)
        size = float(_worst(by_class[episode.kind])[episode.raised])
        since, raised, until = (counts.first + place * DAY for place in (episode.since, known, episode.until))
        alarm = Alarm(kind, size, since, raised, until, suspects, cut, NONE, "", episode.open)
        made.append(_with_action(alarm, made, episode.raised, counts.first, reference, options))
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
    """Return the largest ratio of each day, NaN where nothing is known."""
    stacked = [*ratios.values()]
    return np.fmax.reduce(stacked) if stacked else np.zeros(0)


def _episodes(
    kind: str, ratios: Mapping[str, np.ndarray], reference: Reference, options: MonitorParams
) -> list[Episode]:
    """Return runs of days beyond the limit; runs with less than a window between them are one.

    A day of which nothing is known neither counts nor ends a run.
    """
    worst = _worst(ratios)
    days = np.flatnonzero(~np.isnan(worst))
    beyond = np.flatnonzero(worst[days] > 1)
    runs = [days[run].tolist() for run in np.split(beyond, np.flatnonzero(np.diff(beyond) > 1) + 1) if len(run)]
    least = options.persistence["performance" if kind == "loss" else kind]
    found: list[Episode] = []
    for run in runs:
        if found and run[0] - found[-1].until < reference.window_days:
            found[-1] = found[-1]._replace(until=run[-1])
        elif len(run) >= least:
            found.append(Episode(kind, run[0], run[least - 1], run[-1], False))
    return [episode._replace(open=bool(episode.until == days[-1])) for episode in found]


def _with_onsets(episodes: Sequence[Episode], ratios: Mapping[str, np.ndarray]) -> list[Episode]:
    """Begin where the cumulative sum left zero: from there on the loss was above the usual one."""
    found: list[Episode] = []
    for episode in episodes:
        ratio = max(ratios.values(), key=lambda one: float(np.nan_to_num(one[episode.raised])))
        begin = found[-1].until + 1 if found else 0
        days = begin + np.flatnonzero(~np.isnan(ratio[begin : episode.since + 1]))
        calm = np.flatnonzero(ratio[days[:-1]] == 0)
        found.append(episode._replace(since=int(days[calm[-1] + 1 if len(calm) else 0])))
    return found


def _class_of(episode: Episode, known: Sequence[Episode], reference: Reference) -> str:
    """Return the class; a loss that rises while nothing else has changed tells of another meaning of the features."""
    if episode.kind != "loss":
        return episode.kind
    window = reference.window_days  # drift shows up to so many days later than it began
    drifts = [other for other in known if other.kind in DRIFTS]
    near = [one for one in drifts if one.until >= episode.since - window and one.since <= episode.raised + window]
    return "performance" if near else "concept"


def _causes(
    episode: Episode, found: Signals, counts: DailyCounts, reference: Reference
) -> tuple[tuple[str, ...], Cut | None]:
    """Return suspects and the cut in which the change is concentrated, from what was known when it was raised."""
    days, last = slice(episode.since, episode.raised + 1), episode.raised + 1
    suspects = _largest(ratios_by_class(found)[episode.kind], episode.raised, 1.0)
    if episode.kind == "volume":
        changes = root_cause.volume_changes(counts, reference, days)
        return tuple(root_cause.concentrated(changes)[:SUSPECTS]), root_cause.worst_cut(changes)
    if episode.kind == "loss":
        changes = root_cause.loss_changes(counts, reference, days)
        parts = [name for name in suspects if name != WHOLE]
        both = tuple(dict.fromkeys([*parts, *root_cause.concentrated(changes)]))
        return both[:SUSPECTS], root_cause.worst_cut(changes)
    if episode.kind in DRIFTS:
        days = slice(max(last - reference.window_days, 0), last)
    changes = root_cause.count_changes(counts, reference, days)
    if episode.kind == "score":
        near = [one for one in changes if found.drift[key_of(one.axis)][episode.raised] > NEAR]
        return tuple(_largest(found.covariate, episode.raised, 0.0)[:SUSPECTS]), root_cause.worst_cut(near)
    if episode.kind == "quality":  # a feature may be made from one that stands before it; columns are before all
        place = {one.axis.name: number for number, one in enumerate(reference.of("feature"), 1)}
        suspects.sort(key=lambda name: place.get(name, 0))
    own = [change for change in changes if change.axis.kind == "feature" and change.axis.name in suspects[:SUSPECTS]]
    return tuple(suspects[:SUSPECTS]), root_cause.worst_cut(own)


def _largest(ratios: Mapping[str, np.ndarray], place: int, least: float) -> list[str]:
    """Return the names by their ratios on a day, the largest first, of those above the least."""
    of_day = {name: float(ratio[place]) for name, ratio in ratios.items() if ratio[place] > least}
    return sorted(of_day, key=lambda name: (-of_day[name], name))


def _with_action(
    alarm: Alarm,
    earlier: Sequence[Alarm],
    age: int,
    first: pd.Timestamp,
    reference: Reference,
    options: MonitorParams,
) -> Alarm:
    """Look the action up; what a fault of the data explains, and what is over budget, asks for none.

    `age` is the number of days before that of the records on which it was raised: labels come later.
    """
    fault = _explanation(alarm, earlier, first + age * DAY, reference)
    if fault is not None:
        named = f"the {fault.kind} fault of {fault.suspects[0]} explains it: mend that first"
        return replace(alarm, reason=named)
    asked = [one for one in earlier if one.kind == alarm.kind and one.action != NONE]
    most = options.budget[alarm.kind]
    if sum(alarm.raised - one.raised < BUDGET_DAYS * DAY for one in asked) >= most:
        return replace(alarm, reason=f"more than {most} alarms of this class in {BUDGET_DAYS} days")
    for rule in options.actions:
        if rule.fits(alarm.kind, alarm.size, age):
            return replace(alarm, action=rule.action, reason=rule.because)
    return replace(alarm, reason="no line of monitor.actions is about it")


def _explanation(alarm: Alarm, earlier: Sequence[Alarm], day: pd.Timestamp, reference: Reference) -> Alarm | None:
    """Return the data fault whose days overlap with those of an alarm, or whose records its window holds.

    A fault that began after the day of the records explains nothing, though it is known before their labels.
    """
    if alarm.kind == "schema":
        return None
    window = reference.window_days * DAY
    for fault in earlier:
        worse = fault.kind == "schema" or (fault.kind == "quality" and alarm.kind != "quality")
        if worse and fault.since <= day and fault.until >= alarm.since - window:
            return fault
    return None


def as_json(alarms: Sequence[Alarm]) -> dict[str, Any]:
    """Return the content of alarms.json."""
    return {"alarms": [alarm.as_json() for alarm in alarms]}
