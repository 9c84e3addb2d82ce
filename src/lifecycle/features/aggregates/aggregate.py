"""What every aggregate of the vocabulary provides."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.window_words import Window


class Primitive(ABC):
    """An aggregate, three times: for arrays, for one record on kept state, and as the plain definition of it.

    The state of the online form is a `Track`: the entity's records that meet the window's conditions, in time order.
    `keeps` names what the track holds for the aggregated column; `Track` updates it as records come, change and go. Its
    size is bounded by the records of the longest window: `1 + len(keeps)` numbers each.
    """

    keeps: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def batch(self, block: Block, window: Window, days: float) -> np.ndarray:
        """Return the value for each record of a block."""

    @abstractmethod
    def read(self, track: Track, window: Window, days: float, low: int, high: int, time: int) -> float:
        """Return the value for a record of that time whose window covers positions low to high (not included)."""

    @abstractmethod
    def define(self, covered: Sequence[tuple[int, Any]], time: int, window: Window, days: float) -> float:
        """Return the value from the covered records' (time, value), oldest first: what the other two agree with."""
