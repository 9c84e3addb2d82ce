"""How alarms are counted: when a detection counts, its delay, and false alarms with their interval. Not run by itself.

Days are numbers from a world's first day. An alarm is on from the day on which it is raised to the last day beyond its
limit.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.drift.faults import Kind
from benchmarks.drift.worlds import END, WATCH, WATCHED_WEEKS, WEEK

WITHIN = 14  # days in which a drift that costs must be found, the label delay included
COSTS = 0.05  # of recall: a drift that costs less may be left alone
Z = 1.959964  # of a 95 % interval


class Detection(NamedTuple):
    """The alarm by which a change was found; classes, names and actions are those of this project's monitor.

    `delay` counts days from the first day of the change: 0 on that day itself.
    """

    delay: int
    is_class: bool | None = None
    is_cause: bool | None = None
    is_action: bool | None = None


def days_on(alarms: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the days on which an alarm of this project's monitor is on."""
    return {day for one in alarms for day in range(one["raised"], max(one["raised"], one["until"]) + 1)}


def found_on(changed: Collection[int], calm: Collection[int], start: int) -> int | None:
    """Return the day on which a change that began on `start` was found, None where it was not.

    It counts only while the twin without the change is silent: from the start to that day, and on it.

    Parameters
    ----------
    changed, calm : collection of int
        Days on which an alarm is on, with the change and without it.

    Examples
    --------
    >>> found_on({3, 9}, {2}, start=5), found_on({9}, {7}, start=5)
    (9, None)
    """
    day = min((day for day in changed if day >= start), default=None)
    silent = day is not None and not any(start <= other <= day for other in calm)
    return day if silent else None


def judged(alarms: Sequence[Mapping[str, Any]], calm: Sequence[Mapping[str, Any]], start: int, kind: Kind) -> Any:
    """Return the `Detection` of a change by this project's monitor, None where it was not found.

    The alarm that is judged is the first that was raised; of those of the same day, the first in the list.
    """
    day = found_on(days_on(alarms), days_on(calm), start)
    if day is None:
        return None
    first = next((one for one in alarms if one["raised"] >= start), None) or alarms[-1]
    named = first["suspects"][0] if first["suspects"] else ""
    return Detection(day - start, first["class"] in kind.classes, named in kind.causes, first["action"] in kind.actions)


def asks_to(action: str, alarms: Sequence[Mapping[str, Any]], start: int, within: int = END) -> bool:
    """Tell whether an alarm that was raised in time asks for an action."""
    return any(one["action"] == action and 0 <= one["raised"] - start <= within for one in alarms)


def weeks_on(days: Collection[int]) -> int:
    """Return the number of watched weeks in which an alarm is on."""
    return len({(day - WATCH) // WEEK for day in days if WATCH <= day < WATCH + WATCHED_WEEKS * WEEK})


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); 0 to 1 without a trial.

    Examples
    --------
    >>> [round(end, 4) for end in interval(0, 600)]
    [0.0, 0.0064]
    """
    if not trials:
        return 0.0, 1.0
    share, weight = hits / trials, Z**2 / trials
    middle, half = share + weight / 2, Z * np.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return max(0.0, float((middle - half) / (1 + weight))), min(1.0, float((middle + half) / (1 + weight)))
