"""The order of work of the online evaluator: which tracks a feature list keeps, and in which order they are read."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.features.aggregates.track import Record
from lifecycle.features.online.entity import Entity, TrackPlan
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.window_words import Feature, Where, Window, computed_names, computed_words, depths, with_sources


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
        What is kept of a record: some of `inputs`, and the features that windows read.
    tracks : dict of str to list of TrackPlan
        By entity column.
    layers, derived_layers : list of Layer
        By depth; the latter make only what the derived columns need.
    digest : str
        Tells lists apart whose states differ.
    """

    def __init__(self, features: Sequence[Feature], decimals: Mapping[str, int]) -> None:
        windows = [feature for feature in features if isinstance(feature, Window)]
        words = computed_words(features)
        computed = set(computed_names(features))
        windowed = {name for window in windows for name in window.sees}
        self.names = [name for feature in features for name in feature.names]
        self.inputs = sorted({name for feature in features for name in feature.reads} - computed)
        self.tracks: dict[str, list[TrackPlan]] = {window.by: [] for window in windows}
        needed = with_sources(features, windowed | set(self.tracks))
        self.columns, self.derived = sorted(needed - computed), sorted(windowed & computed)
        below = depths(features)
        self.layers = [
            Layer(
                self._plan_tracks([w for w in windows if below[w.names[0]] == depth], decimals),
                [word for word in words if below[word.name] == depth],
                [name for name in self.derived if below[name] == depth],
            )
            for depth in range(max(below.values(), default=0) + 1)
        ]
        self.derived_layers = [
            layer._replace(words=[word for word in layer.words if word.name in needed]) for layer in self.layers
        ]
        lasting = [feature for feature in features if isinstance(feature, Window) or feature.name in needed]
        self.digest = hashlib.sha256(repr((lasting, self.columns, self.scale)).encode()).hexdigest()[:16]

    @property
    def scale(self) -> dict[str, int]:
        """The columns that are summed, and how many of their smallest unit are in one."""
        return {name: scale for plans in self.tracks.values() for plan in plans for name, scale in plan.scale.items()}

    def reach_us(self, by: str) -> int:
        """Return how far back the windows of an entity look, microseconds."""
        return max(track.reach_us for track in self.tracks[by])

    def _plan_tracks(self, windows: Sequence[Window], decimals: Mapping[str, int]) -> list[tuple[int, int, TrackPlan]]:
        """Plan the tracks of windows of one depth: those of the same entity and conditions share one."""
        shared: dict[tuple[str, tuple[Where, ...]], list[Window]] = {}
        for window in windows:
            shared.setdefault((window.by, window.where), []).append(window)
        readers = []
        for (by, where), members in shared.items():
            plan = TrackPlan(where, members, decimals)
            readers.append((list(self.tracks).index(by), len(self.tracks[by]), plan))
            self.tracks[by].append(plan)
        return readers


class Layer(NamedTuple):
    """Tracks to read, then features of the record alone.

    `readers` has the number of the entity, the number of its track, and the windows on it; `words` has the features of
    the record alone; `derived` names those columns of the layer that windows read.
    """

    readers: list[tuple[int, int, TrackPlan]]
    words: list[RecordWord]
    derived: list[str]

    def evaluate(self, record: Record, values: dict[str, Any], entities: Sequence[Entity], insert: bool) -> None:
        """Add this layer's columns to the values of a record: its inputs, and the columns of the layers below.

        With `insert` the record is new: it is put into the tracks, and the derived columns into it.
        """
        time, arrival = record.time, record.arrival
        for entity, number, plan in self.readers:
            track = entities[entity].tracks[number]
            is_covered = plan.covers(record.values)
            at = track.insert(record) if insert and is_covered else track.place(time, arrival)
            plan.read(track, at, is_covered, time, values)
        for word in self.words:
            values[word.name] = word.online(values, time)
        if insert:
            for name in self.derived:
                record.values[name] = values[name]
