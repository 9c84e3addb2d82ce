"""What is known of one card, shop, ...: all its records within reach, and a track for each kind of window."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.features.online.reading import TrackPlan
from lifecycle.features.online.record import Record
from lifecycle.features.online.track import Track

NEVER = -(2**63)  # before all times


class Entity:
    """The tracks of one entity.

    Parameters
    ----------
    plans : sequence of TrackPlan
        Those of its entity column.
    newest : int
        As new may a record have been that is not remembered, microseconds since 1970.

    Attributes
    ----------
    everything : Track
        All its records, whatever conditions they meet.
    tracks : list of Track
        One for each plan.
    """

    __slots__ = ("_newest", "_plans", "_reach_us", "everything", "tracks")

    def __init__(self, plans: Sequence[TrackPlan], newest: int = NEVER) -> None:
        self._plans, self._reach_us, self._newest = plans, max(plan.reach_us for plan in plans), newest
        self.everything = Track((), {}, ())
        self.tracks = [plan.new() for plan in plans]

    def fill(self, times: list[int], arrivals: list[int], columns: Mapping[str, list[Any]]) -> None:
        """Give a new entity its records, in order, with all that its windows read."""
        self.everything.fill(times, arrivals, columns)
        for plan, track in zip(self._plans, self.tracks, strict=True):
            plan.fill(track, times, arrivals, columns)

    def put(self, record: Record) -> None:
        """Put a record into each track whose conditions it meets."""
        for plan, track in zip(self._plans, self.tracks, strict=True):
            if plan.covers(record.values):
                track.insert(record)

    def take(self, record: Record) -> None:
        """Take a record out of each track that it is in."""
        for track in self.tracks:
            at = track.place(record.time, record.arrival)
            if track.holds(record, at):
                track.remove(at)

    def holds(self, record: Record) -> bool:
        """Tell whether a record is among those within reach."""
        return self.everything.holds(record, self.everything.place(record.time, record.arrival))

    def later(self, record: Record) -> list[tuple[int, int]]:
        """Return time and arrival of the records behind one that is kept."""
        after = self.everything.place(record.time, record.arrival) + 1
        return list(zip(self.everything.times[after:], self.everything.arrivals[after:], strict=True))

    def behind(self, time: int) -> int:
        """Return how much older than the newest record a time is, microseconds; below 0 when it is younger."""
        times = self.everything.times
        return (times[-1] if times else self._newest) - time

    def prune(self, lateness_us: int) -> list[int]:
        """Drop what no window of a record that may still come can reach; return arrivals."""
        newest = self.everything.times[-1] - lateness_us
        for plan, track in zip(self._plans, self.tracks, strict=True):
            track.prune(newest - plan.reach_us)
        return self.everything.prune(newest - self._reach_us)
