"""Evaluate a feature list on a whole table in memory.

A window takes one stable sort by entity, one binary search per window edge, then array operations. Sums are sums of
integers (amounts in cents), so they are exact and do not depend on how a table is cut into parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.portable_math import stable_argsort
from lifecycle.features.aggregates import aggregates_of
from lifecycle.features.aggregates.block import Block
from lifecycle.problem.window_words import Feature, Window, depths

BLOCK_ROWS = 65_536  # a block's arrays fit the processor's cache


def evaluate(
    features: Sequence[Feature], frame: pd.DataFrame, time: str | None, decimals: Mapping[str, int]
) -> pd.DataFrame:
    """Compute every feature of a table.

    Parameters
    ----------
    features : sequence of Feature
        As the problem declares them.
    frame : pandas.DataFrame
        Validated records, not decreasing in the column `time`; of equal times, the upper one came first.
    time : str or None
        None where no feature asks for it.
    decimals : mapping of str to int
        Decimal places of the columns that are summed.

    Returns
    -------
    pandas.DataFrame
        One column per feature name, in the list's order, with the index of `frame`.

    Raises
    ------
    ValueError
        The table is not in time order.
    """
    if time is not None and not frame[time].is_monotonic_increasing:
        raise ValueError(f"column {time}: the table must be sorted by time")
    time_us = as_microseconds([] if time is None else frame[time])
    columns = {str(name): frame[name].to_numpy() for name in frame}
    below = depths(features)
    for depth in range(max(below.values(), default=0) + 1):
        columns |= evaluate_depth([f for f in features if below[f.names[0]] == depth], columns, time_us, decimals)
    names = [name for feature in features for name in feature.names]
    return pd.DataFrame({name: columns[name] for name in names}, index=frame.index, copy=False)


def evaluate_depth(
    features: Sequence[Feature], columns: Mapping[str, np.ndarray], time_us: np.ndarray, decimals: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Compute features that read only `columns` and each other: first the windows, then those of the record."""
    windows = [f for f in features if isinstance(f, Window)]
    results: dict[str, np.ndarray] = {}
    for entity in dict.fromkeys(w.by for w in windows):
        results |= evaluate_windows([w for w in windows if w.by == entity], columns, time_us, decimals)
    for feature in features:
        if not isinstance(feature, Window):
            results[feature.name] = feature.batch({**columns, **results}, time_us)
    return results


def as_microseconds(times: Any) -> np.ndarray:
    """Return times (a column, an array or a list) as int64 microseconds since 1970."""
    return np.asarray(times, "datetime64[us]").astype(np.int64)


def evaluate_windows(
    windows: Sequence[Window], columns: Mapping[str, np.ndarray], time_us: np.ndarray, decimals: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Evaluate windows with the same entity column on records in time order; see `evaluate`.

    Returns
    -------
    dict of str to numpy.ndarray, shape (n,)
        One column per window length, with the dtype of the aggregate.
    """
    sources = {name: columns[name] for window in windows for name in window.sees}
    aggregates = [aggregate for window in windows for aggregate in aggregates_of(window)]
    results = {aggregate.name: np.empty(len(time_us), aggregate.dtype) for aggregate in aggregates}
    longest = max(window.reach_us for window in windows)
    for rows, key in _blocks(columns[windows[0].by], time_us, longest):
        block = Block(key, {name: values[rows] for name, values in sources.items()}, decimals)
        for aggregate in aggregates:
            results[aggregate.name][rows] = aggregate.batch(block)
    return results


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
