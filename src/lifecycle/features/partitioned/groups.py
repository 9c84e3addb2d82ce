"""The windows of a feature list that are evaluated together: of one depth and one entity column."""

from collections.abc import Sequence
from typing import NamedTuple

from lifecycle.features.vocabulary import Feature, Window, depths


class Group(NamedTuple):
    """Windows that are evaluated together: of one depth and one entity column."""

    depth: int
    by: str
    windows: tuple[Window, ...]

    @property
    def reads(self) -> set[str]:
        """The entity column and what is read of other records."""
        return {self.by, *self.sees}

    @property
    def sees(self) -> set[str]:
        """What is read of other records."""
        return {name for window in self.windows for name in window.sees}

    @property
    def names(self) -> list[str]:
        """The columns that come out."""
        return [name for window in self.windows for name in window.names]

    @property
    def reach_us(self) -> int:
        """How far back the longest window looks, microseconds."""
        return max(window.reach_us for window in self.windows)


def groups(features: Sequence[Feature]) -> list[Group]:
    """Return the windows of a list by depth and entity column, the lowest first."""
    below = depths(tuple(features))
    found: dict[tuple[int, str], list[Window]] = {}
    for feature in features:
        if isinstance(feature, Window):
            found.setdefault((below[feature.names[0]], feature.by), []).append(feature)
    return [Group(depth, by, tuple(found[depth, by])) for depth, by in sorted(found)]
