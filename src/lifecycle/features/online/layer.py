"""One depth of a feature list: what can be evaluated once the layers above it are."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.reading import TrackPlan
from lifecycle.features.online.record import Record
from lifecycle.features.online.singles import Single


class Layer(NamedTuple):
    """Tracks to read, then features of the record alone.

    Parameters
    ----------
    readers : list of (int, int, TrackPlan)
        Number of the entity, number of its track, and the windows on it.
    singles : list of (str, Single)
        Names and functions.
    derived : list of str
        Those columns made here that windows read.
    """

    readers: list[tuple[int, int, TrackPlan]]
    singles: list[tuple[str, Single]]
    derived: list[str]

    def evaluate(self, record: Record, found: dict[str, Any], entities: Sequence[Entity], insert: bool) -> None:
        """Add this layer's columns to what has been found for a record.

        Parameters
        ----------
        record : Record
            The record.
        found : dict of str to value
            Its inputs, and the columns of the layers above.
        entities : sequence of Entity
            Its entities.
        insert : bool
            Whether it is new: it is put into the tracks, and the derived columns into it.
        """
        time, arrival, values = record.time, record.arrival, record.values
        for entity, number, plan in self.readers:
            track = entities[entity].tracks[number]
            here = plan.covers(values)
            at = track.insert(record) if insert and here else track.place(time, arrival)
            plan.read(track, at, here, time, found)
        for name, single in self.singles:
            found[name] = single(found, time)
        if insert:
            for name in self.derived:
                values[name] = found[name]
