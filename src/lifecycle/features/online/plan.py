"""A feature list as the online evaluator works through it: which tracks it keeps, in which order they are read."""

import hashlib
from collections.abc import Mapping, Sequence

from lifecycle.features.online.layer import Layer
from lifecycle.features.online.reading import TrackPlan
from lifecycle.features.online.singles import single
from lifecycle.features.vocabulary import Feature, Raw, Where, Window, depths


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
