"""Arrays of numbers and of text as plain bytes, and where in them a value stands."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

KINDS = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64}


class Rows:
    """Which rows of a column have a value.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        The column.

    Attributes
    ----------
    different : int
        How many different values it has.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._order = np.argsort(values, kind="stable")
        self._ordered = values[self._order]
        self.different = int(np.count_nonzero(self._ordered[1:] != self._ordered[:-1])) + bool(len(values))

    def groups(self) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield each value and its rows, ascending."""
        found, starts = np.unique(self._ordered, return_index=True)
        yield from zip(found.tolist(), np.split(self._order, starts)[1:], strict=True)

    def of(self, value: Any) -> np.ndarray:
        """Return the rows, ascending."""
        low = self._ordered.searchsorted(value)
        if low == len(self._ordered) or self._ordered[low] != value:
            return self._order[:0]
        return self._order[low : self._ordered.searchsorted(value, side="right")]


def as_kept(values: Any) -> np.ndarray:
    """Return an array of 64-bit numbers, or of text as objects: numpy's own text is as wide as the longest."""
    if isinstance(values, list) and values and isinstance(values[0], str):
        return np.array(values, object)
    array = np.asarray(values)
    return array.astype(KINDS.get(array.dtype.kind, object), copy=False)


def as_bytes(content: Any) -> np.ndarray:
    """Return JSON as an array of bytes."""
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def pack(name: str, column: np.ndarray) -> dict[str, np.ndarray]:
    """Return what to write of a column: of text, the different ones and which of them each is."""
    if column.dtype != object:
        return {name: column}
    words, codes = np.unique(column, return_inverse=True)
    return {f"{name}.words": as_bytes(words.tolist()), f"{name}.codes": codes.astype(np.int32)}


def unpack(name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the column that `pack` was given."""
    if name in arrays:
        return arrays[name]
    words = np.array([*json.loads(arrays[f"{name}.words"].tobytes()), None], object)[:-1]  # never two-dimensional
    return words[arrays[f"{name}.codes"]]
