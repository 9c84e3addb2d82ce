"""Evaluate a feature list on a whole table in memory."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lifecycle.features.vocabulary import Feature, Hour, Night, Raw, Weekend, Window
from lifecycle.features.windows import DAY_US, evaluate_windows

HOUR_US = 3_600_000_000


def evaluate(features: Sequence[Feature], frame: pd.DataFrame, time: str, decimals: Mapping[str, int]) -> pd.DataFrame:
    """Compute every feature of a table.

    Parameters
    ----------
    features : sequence of Feature
        As the problem declares them.
    frame : pandas.DataFrame
        Validated records, not decreasing in `time`.
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
    time_us = frame[time].to_numpy().astype("datetime64[us]").astype(np.int64)
    windows = [f for f in features if isinstance(f, Window)]
    columns: dict[str, np.ndarray] = {}
    for entity in dict.fromkeys(w.by for w in windows):
        columns |= evaluate_windows([w for w in windows if w.by == entity], frame, time_us, decimals)
    for feature in features:
        if not isinstance(feature, Window):
            columns[feature.name] = _of_the_record(feature, frame, time_us)
    names = [name for feature in features for name in feature.names]
    return pd.DataFrame({name: columns[name] for name in names}, index=frame.index, copy=False)


def _of_the_record(feature: Raw | Weekend | Night | Hour, frame: pd.DataFrame, time_us: np.ndarray) -> np.ndarray:
    match feature:
        case Raw(name):
            return frame[name].to_numpy()
        case Weekend():
            return ((time_us // DAY_US + 3) % 7 >= 5).astype(np.int8)  # day 0, 1970-01-01, was a Thursday
        case Night(_, last_hour):
            return (time_us % DAY_US // HOUR_US <= last_hour).astype(np.int8)
        case Hour():
            return time_us % DAY_US / HOUR_US
