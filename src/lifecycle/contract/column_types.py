"""Read a column as the type its contract names; what does not fit becomes missing, for the gate to report."""

import numpy as np
import pandas as pd

from lifecycle.core.numbers import EXACT
from lifecycle.problem.problem import Column

TRUTH = {"True": "1", "False": "0", "true": "1", "false": "0", "TRUE": "1", "FALSE": "0"}


def parse(values: pd.Series, column: Column) -> pd.Series:
    """Return the column's values, or missing where a value is not of its type.

    Parameters
    ----------
    values : pandas.Series
        As the source has them: typed, or text.
    column : Column
        Its contract.

    Returns
    -------
    pandas.Series
        Text as it is; timestamps without zone, in UTC and microseconds; numbers finite; integers whole.
    """
    if column.type == "text":
        return values.astype("str")
    if column.type == "timestamp":
        return _timestamps(values)
    numbers = _numbers(values, whole=column.type == "integer")
    return (
        numbers.where(numbers.abs() < EXACT)
        if column.storage_type == "float64" and column.type == "integer"
        else numbers
    )


def _timestamps(values: pd.Series) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(values):
        values = pd.to_datetime(values.astype("str"), errors="coerce", format="ISO8601", utc=True)
    if values.dt.tz is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values.astype("datetime64[us]")


def _numbers(values: pd.Series, whole: bool) -> pd.Series:
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        values = pd.to_numeric(values.astype("str").replace(TRUTH), errors="coerce")
    if pd.api.types.is_unsigned_integer_dtype(values):
        return values.where(values <= np.iinfo(np.int64).max)
    if pd.api.types.is_integer_dtype(values):
        return values
    finite = np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
    fits = finite & (values % 1 == 0) & (values.abs() < EXACT) if whole else finite
    return values.where(fits)
