"""Time windows per entity: one stable sort, one binary search per window edge, one cumulative sum per value.

Sums are sums of integers (amounts in cents), so they are exact and do not depend on how the table was cut.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from lifecycle.arrays import stable_argsort
from lifecycle.features.vocabulary import Window

DAY_US = 86_400_000_000
BLOCK_ROWS = 65_536  # a block's arrays fit the processor's cache


class Block:
    """Some entities' rows in (entity, time) order, and the window edges found so far.

    Parameters
    ----------
    key : numpy.ndarray of int64, shape (n,)
        Ascending: the entity's number times a span that no window can bridge, plus the time in microseconds.
    units : mapping of str to numpy.ndarray of int64
        The columns to sum, in their smallest unit.
    """

    def __init__(self, key: np.ndarray, units: Mapping[str, np.ndarray]) -> None:
        self._key = key
        self._totals = {name: np.concatenate([[0], np.cumsum(values)]) for name, values in units.items()}
        self._ends: dict[int, np.ndarray] = {}

    def end(self, age: int) -> np.ndarray:
        """Return, for each row, the position behind its entity's last row with time <= t - age."""
        if age not in self._ends:
            self._ends[age] = np.searchsorted(self._key, self._key - age, side="right")
        return self._ends[age]

    def aggregate(self, window: Window, days: float, scale: int) -> np.ndarray:
        """Evaluate one window length for each row."""
        age, width = round(window.delay_days * DAY_US), round(days * DAY_US)
        newest, oldest = self.end(age), self.end(age + width)
        count = newest - oldest
        if window.of is None:
            return count
        total = (self._totals[window.of][newest] - self._totals[window.of][oldest]) / scale
        if window.aggregate == "sum":
            return total
        empty = 0.0 if window.aggregate == "rate" else np.nan
        return np.divide(total, count, out=np.full(len(total), empty), where=count > 0)


def evaluate_windows(
    windows: Sequence[Window], frame: pd.DataFrame, time_us: np.ndarray, decimals: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Evaluate windows of one entity column.

    Parameters
    ----------
    windows : sequence of Window
        All with the same `by`.
    frame : pandas.DataFrame
        Records in time order.
    time_us : numpy.ndarray of int64, shape (n,)
        Their times, microseconds.
    decimals : mapping of str to int
        Decimal places of the columns that are summed.

    Returns
    -------
    dict of str to numpy.ndarray, shape (n,)
        One column per window length: int32 for counts, otherwise float64.
    """
    of = {w.of for w in windows if w.of is not None}
    units = {name: as_units(frame[name].to_numpy(), 10 ** decimals.get(name, 0)) for name in sorted(of)}
    columns = {
        name: np.empty(len(frame), np.int32 if w.aggregate == "count" else np.float64)
        for w in windows
        for name in w.names
    }
    longest = max(round((w.delay_days + max(w.days)) * DAY_US) for w in windows)
    for rows, key in _blocks(frame[windows[0].by].to_numpy(), time_us, longest):
        block = Block(key, {name: values[rows] for name, values in units.items()})
        for window in windows:
            scale = 10 ** decimals.get(window.of or "", 0)
            for name, days in zip(window.names, window.days, strict=True):
                columns[name][rows] = block.aggregate(window, days, scale)
    return columns


def as_units(values: np.ndarray, scale: int) -> np.ndarray:
    """Turn a column into integers of its smallest unit (cents): sums of them are exact."""
    return values.astype(np.int64) if values.dtype.kind in "biu" else np.rint(values * scale).astype(np.int64)


def _blocks(entity: np.ndarray, time_us: np.ndarray, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of some entities, in (entity, time) order, and their key.

    A block holds whole entities, about `BLOCK_ROWS` rows, and never so many entities that the key overflows 64 bits.
    """
    if len(entity) == 0:
        return
    code = entity if entity.dtype.kind in "iu" and int(entity.min()) >= 0 else pd.factorize(entity)[0]
    order = stable_argsort(code)
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    span = int(time_us[-1] - time_us[0]) + longest + 1
    low = 0
    while low < len(starts):
        high = int(np.searchsorted(starts, starts[low] + BLOCK_ROWS))
        high = min(max(high, low + 1), low + max(1, 2**62 // span))
        stop = int(starts[high]) if high < len(starts) else len(order)
        rows = order[starts[low] : stop]
        number = np.repeat(np.arange(high - low), np.diff(starts[low:high], append=stop))
        yield rows, number * span + (time_us[rows] - time_us[0])
        low = high
