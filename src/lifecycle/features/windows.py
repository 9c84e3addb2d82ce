"""Time windows per entity on a whole table: one stable sort, one binary search per window edge, then array operations.

Sums are sums of integers (amounts in cents), so they are exact and do not depend on how the table was cut.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from lifecycle.arrays import stable_argsort
from lifecycle.features.block import Block
from lifecycle.features.primitives.registry import PRIMITIVES
from lifecycle.features.vocabulary import AGGREGATES, Window

BLOCK_ROWS = 65_536  # a block's arrays fit the processor's cache


def evaluate_windows(
    windows: Sequence[Window], columns: Mapping[str, np.ndarray], time_us: np.ndarray, decimals: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Evaluate windows of one entity column.

    Parameters
    ----------
    windows : sequence of Window
        All with the same `by`.
    columns : mapping of str to numpy.ndarray, shape (n,)
        What the windows read, of records in time order.
    time_us : numpy.ndarray of int64, shape (n,)
        Their times, microseconds.
    decimals : mapping of str to int
        Decimal places of the columns that are summed.

    Returns
    -------
    dict of str to numpy.ndarray, shape (n,)
        One column per window length: int32 for counts, otherwise float64.
    """
    read = {name: columns[name] for w in windows for name in w.sees}
    found = {name: np.empty(len(time_us), AGGREGATES[w.aggregate].type) for w in windows for name in w.names}
    longest = max(w.reach_us for w in windows)
    for rows, key in _blocks(columns[windows[0].by], time_us, longest):
        block = Block(key, {name: values[rows] for name, values in read.items()}, decimals)
        for window in windows:
            for name, days in zip(window.names, window.days, strict=True):
                found[name][rows] = PRIMITIVES[window.aggregate].batch(block, window, days)
    return found


def _blocks(entity: np.ndarray, time_us: np.ndarray, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of some entities, in (entity, time) order, and the key of both.

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
