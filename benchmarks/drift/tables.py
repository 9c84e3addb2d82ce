"""The tables of docs/drift.md, from what was said of all worlds. Not run by itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.drift.counting import COSTS, WITHIN, Detection, asks_to, days_on, found_on, interval, judged, weeks_on
from benchmarks.drift.faults import KINDS, Kind
from benchmarks.drift.results import OWN, key_of
from benchmarks.drift.worlds import WATCHED_WEEKS
from lifecycle.document.markdown_template import Markdown, table

Said = Mapping[str, Any]


class Case(NamedTuple):
    """A world with a change, beside its twin without it."""

    kind: Kind
    size: float
    calm: Said
    changed: Said

    @property
    def costs(self) -> bool:
        """Whether it is a drift that costs as much of recall as must be found."""
        return not self.kind.is_fault and self.changed["recall"] <= -COSTS

    def delay(self, monitor: str) -> int | None:
        """Return the days until a monitor found it."""
        day = found_on(on(self.changed, monitor), on(self.calm, monitor), self.changed["start"])
        return None if day is None else day - self.changed["start"]

    @property
    def detection(self) -> Detection | None:
        """What this project's monitor made of it."""
        return judged(self.changed["alarms"], self.calm["alarms"], self.changed["start"], self.kind)


def on(said: Said, monitor: str) -> set[int]:
    """Return the days on which a monitor's alarm is on."""
    return days_on(said["alarms"]) if monitor == OWN else set(said["days"][monitor])


def cases(worlds: Iterable[Said]) -> list[Case]:
    """Return every world with every change that it was given."""
    return [
        Case(kind, size, world["calm"], world["changed"][key_of(kind.name, size)])
        for world in worlds
        for kind in KINDS
        for size in kind.sizes
        if world["changed"]
    ]


def share(hits: int, trials: int) -> str:
    """Return a share with its interval, in per cent.

    Examples
    --------
    >>> share(1, 100)
    '1.0 % (0.2 to 5.4)'
    """
    if not trials:
        return "-"
    low, high = interval(hits, trials)
    return f"{100 * hits / trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def of(hits: Sequence[bool]) -> str:
    """Return how many of how many.

    Examples
    --------
    >>> of([True, False, True])
    '2 of 3'
    """
    return f"{sum(hits)} of {len(hits)}" if hits else "-"


def median(values: Iterable[float | None]) -> str:
    """Return the median of what there is."""
    there = [value for value in values if value is not None]
    return f"{np.median(there):g}" if there else "-"


def monitors_table(worlds: Sequence[Said], left_out: Mapping[str, str]) -> Markdown:
    """Return a line per monitor: false alarms, what it found, and what it takes."""
    found = cases(worlds)
    drifts, faults, costly = (
        [case for case in found if keep(case)]
        for keep in (lambda case: not case.kind.is_fault, lambda case: case.kind.is_fault, lambda case: case.costs)
    )
    rows = []
    for monitor in (OWN, *worlds[0]["calm"]["days"]):
        weeks = sum(weeks_on(on(world["calm"], monitor)) for world in worlds)
        delays = {id(case): case.delay(monitor) for case in found}
        seconds = [said["seconds"][monitor] for said in _all_said(worlds)]
        rows.append(
            [
                monitor,
                share(weeks, WATCHED_WEEKS * len(worlds)),
                of([_within(delays[id(case)], WITHIN) for case in costly]),
                of([delays[id(case)] is not None for case in drifts]),
                median(delays[id(case)] for case in drifts),
                of([_within(delays[id(case)], 0) for case in faults]),
                f"{np.mean(seconds) / WATCHED_WEEKS:.3f}",
            ]
        )
    rows += [[name, f"not measured: {why}", *[""] * 5] for name, why in left_out.items()]
    header = ["monitor", "weeks with a false alarm", f"costly drifts found in {WITHIN} days", "drifts found"]
    header += ["median days", "faults found on their first day", "CPU-s a week"]
    return table(header, rows, most=len(rows))


def _within(delay: int | None, most: int) -> bool:
    return delay is not None and delay <= most


def _all_said(worlds: Sequence[Said]) -> Iterator[Said]:
    for world in worlds:
        yield world["calm"]
        yield from world["changed"].values()


def kinds_table(worlds: Sequence[Said]) -> Markdown:
    """Return a line per kind and size: how often and how soon this project's monitor found it, and what it said."""
    every, rows = cases(worlds), []
    for kind in KINDS:
        for size in kind.sizes:
            own = [case for case in every if case.kind.name == kind.name and case.size == size]
            found = [case.detection for case in own if case.detection]
            recall = [case.changed["recall"] for case in own if case.changed["recall"] == case.changed["recall"]]
            first = f"{100 * np.mean(recall):+.0f}" if recall else "nothing scored"
            rows.append(
                [kind.name, f"{size:g} {kind.unit}", first, f"{len(found)} of {len(own)}"]
                + [median(one.delay for one in found)]
                + [of([bool(getattr(one, name)) for one in found]) for name in ("is_class", "is_cause", "is_action")]
                + [str(sum(asks_to("retrain", case.changed["alarms"], case.changed["start"]) for case in own))]
            )
    header = ["kind", "size", "recall, points", "found", "median days", "class", "cause first", "action"]
    return table([*header, "asked to retrain"], rows, most=len(rows))


def false_alarms(worlds: Sequence[Said]) -> str:
    """Return a line on this project's false alarms by class."""
    classes = Counter(alarm["class"] for world in worlds for alarm in world["calm"]["alarms"])
    weeks = WATCHED_WEEKS * len(worlds)
    by_class = ", ".join(f"{count} {name}" for name, count in classes.most_common()) or "none"
    return f"{classes.total()} false alarms in {weeks:,} weeks of {len(worlds)} worlds: {by_class}"


class Aim(NamedTuple):
    """What must be true, and whether it is."""

    words: str
    met: bool


def aims(worlds: Sequence[Said]) -> list[Aim]:
    """Return the aims of this project's monitor."""
    every = cases(worlds)
    alarms, weeks = sum(len(world["calm"]["alarms"]) for world in worlds), WATCHED_WEEKS * len(worlds)
    first_day = [_within(case.delay(OWN), 0) for case in every if case.kind.is_fault]
    in_time = [_within(case.delay(OWN), WITHIN) for case in every if case.costs]
    found = [case.detection for case in every if case.detection]
    named, acted = ([bool(getattr(one, name)) for one in found] for name in ("is_cause", "is_action"))
    retrained = [
        asks_to("retrain", case.changed["alarms"], case.changed["start"]) for case in every if case.kind.is_fault
    ]
    return [
        Aim(f"at most 1 false alarm in 100 weeks: {100 * alarms / weeks:.2f}", alarms * 100 <= weeks),
        Aim(f"every fault of the data found on its first day: {of(first_day)}", all(first_day)),
        Aim(f"90 % of costly drifts found in {WITHIN} days: {of(in_time)}", _most(in_time)),
        Aim(f"the cause named first in 90 %: {of(named)}", _most(named)),
        Aim(f"the right action chosen in 90 %: {of(acted)}", _most(acted)),
        Aim(f'never "retrain" on a fault of the data: {sum(retrained)} of {len(retrained)}', not any(retrained)),
    ]


def _most(hits: Sequence[bool]) -> bool:
    return sum(hits) >= 0.9 * len(hits)
