"""A feature list as the online evaluator works through it: which tracks it keeps, in which order they are read."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.entity import Entity, TrackPlan
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Feature, Where, Window, depths

Single = Callable[[Mapping[str, Any], int], Any]


class Plan:
    """The order of work for one record.

    Parameters
    ----------
    features : sequence of Feature
        As the problem declares them.
    decimals : mapping of str to int
        Decimal places of the columns that are summed.

    Attributes
    ----------
    names : list of str
        Columns that the list makes.
    inputs : list of str
        Columns of the contract that it reads.
    columns, derived : list of str
        What a record keeps: some of `inputs`, and the features that windows read.
    tracks : dict of str to list of TrackPlan
        By entity column.
    digest : str
        Tells lists apart whose states differ.
    """

    def __init__(self, features: Sequence[Feature], decimals: Mapping[str, int]) -> None:
        below = depths(tuple(features))
        windows = [f for f in features if isinstance(f, Window)]
        made = {name for feature in features if not isinstance(feature, Raw) for name in feature.names}
        seen = {name for window in windows for name in window.sees}
        self.names = [name for feature in features for name in feature.names]
        self.inputs = sorted({name for feature in features for name in feature.reads} - made)
        self.tracks: dict[str, list[TrackPlan]] = {window.by: [] for window in windows}
        needed = _needed(features, seen | set(self.tracks))
        self.columns, self.derived = sorted(needed - made), sorted(seen & made)
        own = [f for f in features if not isinstance(f, Window | Raw)]  # a raw column is there already
        self.layers = [
            Layer(
                self._readers(below, depth, windows, decimals),
                [(feature.name, single(feature)) for feature in own if below[feature.name] == depth],
                [name for name in self.derived if below[name] == depth],
            )
            for depth in range(max(below.values(), default=0) + 1)
        ]
        self.derived_layers = [
            layer._replace(singles=[(name, value) for name, value in layer.singles if name in needed])
            for layer in self.layers
        ]
        kept = [feature for feature in features if isinstance(feature, Window) or feature.name in needed]
        self.digest = hashlib.sha256(repr((kept, self.columns, self.scale)).encode()).hexdigest()[:16]

    @property
    def scale(self) -> dict[str, int]:
        """The columns that are summed, and how many of their smallest unit are in one."""
        return {name: scale for plans in self.tracks.values() for plan in plans for name, scale in plan.scale.items()}

    def reach_us(self, by: str) -> int:
        """Return how far back the windows of an entity look, microseconds."""
        return max(track.reach_us for track in self.tracks[by])

    def _readers(
        self, below: Mapping[str, int], depth: int, windows: Sequence[Window], decimals: Mapping[str, int]
    ) -> list[tuple[int, int, TrackPlan]]:
        """Plan the tracks of one depth."""
        members: dict[tuple[str, tuple[Where, ...]], list[Window]] = {}
        for window in windows:
            if below[window.names[0]] == depth:
                members.setdefault((window.by, window.where), []).append(window)
        readers = []
        for (by, where), found in members.items():
            plan = TrackPlan(where, found, decimals)
            readers.append((list(self.tracks).index(by), len(self.tracks[by]), plan))
            self.tracks[by].append(plan)
        return readers


def _needed(features: Sequence[Feature], names: set[str]) -> set[str]:
    """Add to column names all those that they are made of."""
    for feature in reversed(features):
        if names & set(feature.names):
            names = names | set(feature.reads)
    return names


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


def single(feature: Feature) -> Single:
    """Return the function of a feature."""
    match feature:
        case Ratio(_, of, over, empty):
            return lambda found, time: _ratio(found[of], found[over], float(empty))
        case Difference(_, of, minus):
            return lambda found, time: float(found[of]) - float(found[minus])
        case Hour():
            return lambda found, time: feature.at(time)
        case Weekend() | Night():
            return lambda found, time: int(feature.at(time))
    raise TypeError(f"{feature!r} is no feature of the record")


def _ratio(a: float, b: float, empty: float) -> float:
    return empty if b == 0 or math.isnan(b) else float(a) / float(b)
