"""How rows of one model look, prepared once so that a request costs little."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from lifecycle.model.servable import Servable

Pick = Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Form:
    """The features of a model.

    Parameters
    ----------
    features, numbers, texts : tuple of str
        As in the servable; `names` holds all of them, `missing` those that may be missing.
    marks : frozenset of str
        What tells a raw transaction from a row of features: the columns of its key and its time.
    numbers_at, texts_at, numbers_of, texts_of : callable
        Take the numbers and the texts out of a list in the order of the features, and out of a mapping.
    may_miss : numpy.ndarray
        For each number whether it may be missing, shape (k,).
    """

    features: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    names: frozenset[str]
    missing: frozenset[str]
    marks: frozenset[str]
    width: int
    numbers_at: Pick
    texts_at: Pick
    numbers_of: Pick
    texts_of: Pick
    may_miss: np.ndarray

    @classmethod
    def of(cls, servable: Servable) -> "Form":
        """Return the form of a model's rows."""
        features, numbers, texts = servable.features, servable.numbers, servable.texts
        return cls(
            features,
            numbers,
            texts,
            names=frozenset(features),
            missing=servable.missing,
            marks=frozenset((servable.schema["key"], servable.schema["time"])),
            width=len(features),
            numbers_at=_picker([features.index(name) for name in numbers]),
            texts_at=_picker([features.index(name) for name in texts]),
            numbers_of=_picker(numbers),
            texts_of=_picker(texts),
            may_miss=np.array([name in servable.missing for name in numbers], bool),
        )


@lru_cache(maxsize=1)  # one: a model that was swapped out must not be kept
def form_of(servable: Servable) -> Form:
    """Return the form of a model's rows, made when it is first asked for."""
    return Form.of(servable)


def _picker(keys: Sequence[Any]) -> Pick:
    """Return what takes values out by key, always a tuple: `itemgetter` gives a bare value for one key."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda row: tuple(row[key] for key in keys)
