"""Evaluate a feature list on a whole table in memory."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lifecycle.features.vocabulary import Difference, Feature, Hour, Night, Ratio, Raw, Weekend, Window, depths
from lifecycle.features.windows import evaluate_windows


def evaluate(features: Sequence[Feature], frame: pd.DataFrame, time: str, decimals: Mapping[str, int]) -> pd.DataFrame:
    """Compute every feature of a table.

    Parameters
    ----------
    features : sequence of Feature
        As the problem declares them.
    frame : pandas.DataFrame
        Validated records, not decreasing in `time`; of equal times, the upper one came first.
    time : str
        The time column.
    decimals : mapping of str to int
        Decimal places of the columns that are summed; their sums are exact.

    Returns
    -------
    pandas.DataFrame
        One column per feature name, in the list's order, with the index of `frame`.

    Raises
    ------
    ValueError
        The table is not in time order.
    """
    if not frame[time].is_monotonic_increasing:
        raise ValueError(f"column {time}: the table must be sorted by time")
    time_us = as_microseconds(frame[time])
    columns = {str(name): frame[name].to_numpy() for name in frame}
    below = depths(tuple(features))
    for depth in range(max(below.values(), default=0) + 1):
        columns |= evaluate_depth([f for f in features if below[f.names[0]] == depth], columns, time_us, decimals)
    names = [name for feature in features for name in feature.names]
    return pd.DataFrame({name: columns[name] for name in names}, index=frame.index, copy=False)


def evaluate_depth(
    features: Sequence[Feature], columns: Mapping[str, np.ndarray], time_us: np.ndarray, decimals: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Compute features that read only `columns` and each other: first the windows, then those of the record."""
    windows = [f for f in features if isinstance(f, Window)]
    found: dict[str, np.ndarray] = {}
    for entity in dict.fromkeys(w.by for w in windows):
        found |= evaluate_windows([w for w in windows if w.by == entity], columns, time_us, decimals)
    for feature in features:
        if not isinstance(feature, Window):
            found[feature.name] = _of_the_record(feature, {**columns, **found}, time_us)
    return found


def as_microseconds(time: pd.Series) -> np.ndarray:
    """Return times as int64 microseconds since 1970."""
    return time.to_numpy().astype("datetime64[us]").astype(np.int64)


def _of_the_record(feature: Feature, columns: Mapping[str, np.ndarray], time_us: np.ndarray) -> np.ndarray:
    match feature:
        case Raw(name):
            return columns[name]
        case Weekend() | Night():
            return feature.at(time_us).astype(np.int8)
        case Hour():
            return feature.at(time_us)
        case Ratio(_, of, over, empty):
            a, b = columns[of].astype(np.float64), columns[over].astype(np.float64)
            return np.divide(a, b, out=np.full(len(a), float(empty)), where=(b != 0) & ~np.isnan(b))
        case Difference(_, of, minus):
            return columns[of].astype(np.float64) - columns[minus]
    raise TypeError(f"{feature!r} is no feature of the record")
