"""Read a column as the type that its contract names: every cell exactly, or not at all and with a reason.

A whole column is read at once where that is certain to be exact. What is left is read cell by cell, and what has no
exact value is a misfit. Nothing is guessed: a date is ISO 8601, and a whole number never passes through a float.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.core.value_limits import EXACT, TIMES
from lifecycle.problem.cells import GAPS, NANOSECONDS, NUMBER, ROUNDED, WHOLE, ZONE, MisfitError, cell_reader
from lifecycle.problem.problem import Column

STORED = {"integer": pa.int64(), "number": pa.float64(), "text": pa.large_string(), "timestamp": pa.timestamp("us")}
DECIMAL = b"decimal"  # in the metadata of a table of text: what stands before the decimals of its numbers
BLOCK = 256  # cells that are read one by one when a cast fails somewhere among them
DAY, CLOCK = "[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[T ][0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?"


class Cells(NamedTuple):
    """A column that was read.

    Parameters
    ----------
    values : pyarrow.Array, shape (n,)
        Of the column's type in `STORED`; null where there is no value or a misfit.
    misfits : mapping of int to str
        The reason, for each row whose cell has no exact value of the type.
    """

    values: pa.Array
    misfits: Mapping[int, str]


def parse(values: pa.ChunkedArray | pa.Array, column: Column, decimal: str = ".") -> Cells:
    """Read a column.

    Parameters
    ----------
    values : pyarrow.ChunkedArray or pyarrow.Array, shape (n,)
        As the source has them: typed, or text.
    column : Column
        Its contract.
    decimal : str
        What stands before the decimals of a number that is written as text.

    Examples
    --------
    >>> cells = parse(pa.array(["7", "8.5", "NA"]), Column("age", "integer", "years"))
    >>> cells.values.to_pylist(), dict(cells.misfits)
    ([7, None, None], {1: 'not of type integer'})
    """
    plain, unit = _plain(values, column)
    if plain is None:
        places = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
        reason = f"not of type {column.type}, but {values.type}"
        return Cells(pa.nulls(len(values), STORED[column.type]), dict.fromkeys(places.tolist(), reason))
    if column.type == "text":
        return Cells(plain, {})
    if pa.types.is_large_string(plain.type):
        is_iso = column.type == "timestamp" and unit is None
        plain = _without_gaps(plain, "." if is_iso else decimal)
    return _one_by_one(plain, _at_once(plain, column, unit), column, unit)


def to_series(values: pa.Array) -> pd.Series:
    """Return what `parse` read as pandas holds it: whole numbers beside a gap stay whole."""
    whole = values.null_count and pa.types.is_integer(values.type)
    return values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get if whole else None)


def _plain(values: Any, column: Column) -> tuple[pa.Array | None, str | None]:
    """Return a column as text, int64, uint64 or float64, and the unit of times; None for what can't be its type."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind in (pa.string_view(), pa.null()):
        return values.cast(pa.large_string()), column.unit
    if column.type == "text":
        return _digits(values), None
    if column.type == "timestamp" and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return _since(values), "s" if kind == pa.date32() else getattr(kind, "unit", "ms")
    return (None if column.type == "timestamp" and column.unit is None else _plain_numbers(values)), column.unit


def _digits(values: pa.Array) -> pa.Array | None:
    """Return whole numbers as text, None for what has more than one spelling."""
    kind = values.type
    exact = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    return values.cast(pa.large_string()) if exact else None


def _since(values: pa.Array) -> pa.Array:
    """Return times as numbers of their unit since 1970, dates as seconds."""
    if values.type == pa.date32():
        return pc.multiply(values.cast(pa.int32()).cast(pa.int64()), 86_400)
    return values.cast(pa.int64())


def _plain_numbers(values: pa.Array) -> pa.Array | None:
    kind = values.type
    if pa.types.is_decimal(kind):
        return values.cast(pa.large_string())
    if pa.types.is_floating(kind):
        values = values.cast(pa.float64())
        return pc.if_else(pc.is_nan(values), None, values)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values if kind == pa.uint64() else values.cast(pa.int64())
    return None


def _without_gaps(text: pa.Array, decimal: str) -> pa.Array:
    """Return trimmed cells, null where a cell stands for no value, with a point before the decimals."""
    text = pc.ascii_trim_whitespace(text)
    text = pc.if_else(pc.is_in(text, pa.array(GAPS, text.type)), None, text)
    if decimal == ".":
        return text
    return pc.replace_substring(pc.replace_substring(text, ".", "?"), decimal, ".")  # a point is no decimal then


def _one_by_one(source: pa.Array, values: pa.Array, column: Column, unit: str | None) -> Cells:
    """Read the cells that could not be read at once."""
    places = np.flatnonzero(pc.and_(source.is_valid(), values.is_null()).to_numpy(zero_copy_only=False)).tolist()
    if not places:
        return Cells(values, {})
    read, found, misfits = cell_reader(column, unit), [], {}
    for place, cell in zip(places, source.take(pa.array(places)).to_pylist(), strict=True):
        try:
            if isinstance(cell, float) and column.type != "number" and EXACT <= abs(cell) < np.inf:
                raise MisfitError(ROUNDED)
            found.append(read(cell if isinstance(cell, str) else repr(cell)))
        except MisfitError as misfit:
            found.append(None)
            misfits[place] = str(misfit)
    at_places = np.zeros(len(source), bool)
    at_places[places] = True
    return Cells(pc.replace_with_mask(values, pa.array(at_places), pa.array(found, values.type)), misfits)


def _at_once(plain: pa.Array, column: Column, unit: str | None) -> pa.Array:
    """Return the values of cells that can be read together; null where a cell has to be looked at by itself."""
    is_text = pa.types.is_large_string(plain.type)
    if column.type == "number":
        return _numbers(plain, is_text)
    if column.type == "timestamp" and unit is None:
        return _moments(plain)
    whole = _whole_from_text(plain) if is_text else _whole(plain)
    if column.type == "timestamp":
        return _scaled(whole, NANOSECONDS[str(unit)])
    return _between(whole, 1 - EXACT, EXACT - 1) if column.nullable else whole


def _matching(text: pa.Array, pattern: str) -> pa.Array:
    """Return the cells that are of a form, and null for others."""
    return pc.if_else(pc.match_substring_regex(text, f"^(?:{pattern})$"), text, None)


def _cast(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast text; where a cell can't be cast, a block of cells around it is null."""
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        if len(text) <= BLOCK:
            return pa.nulls(len(text), kind)
        half = len(text) // 2
        return pa.concat_arrays([_cast(text[:half], kind), _cast(text[half:], kind)])


def _between(values: pa.Array, low: int, high: int) -> pa.Array:
    lowest, highest = pa.scalar(low, values.type), pa.scalar(high, values.type)
    return pc.if_else(pc.and_(pc.greater_equal(values, lowest), pc.less_equal(values, highest)), values, None)


def _whole_from_text(text: pa.Array) -> pa.Array:
    """Return whole numbers as int64; 7.0 is one too."""
    if pc.any(pc.match_substring(text, ".")).as_py():
        text = pc.replace_substring_regex(text, rf"^({WHOLE})\.0*$", r"\1")
    return _cast(pc.replace_substring_regex(_matching(text, WHOLE), r"^\+", ""), pa.int64())


def _whole(plain: pa.Array) -> pa.Array:
    """Return whole numbers as int64."""
    if pa.types.is_floating(plain.type):
        rounded = pc.and_(pc.equal(pc.floor(plain), plain), pc.less(pc.abs(plain), float(EXACT)))
        return pc.if_else(rounded, plain, None).cast(pa.int64())
    return _between(plain, 0, 2**63 - 1).cast(pa.int64()) if plain.type == pa.uint64() else plain


def _numbers(plain: pa.Array, is_text: bool) -> pa.Array:
    if is_text:
        # Up to 15 digits without a point are exact; longer ones are compared one by one.
        values = _cast(_matching(plain, NUMBER), pa.float64())
        long = pc.and_(pc.greater(pc.binary_length(plain), 15), pc.match_substring_regex(plain, f"^{WHOLE}$"))
        return pc.if_else(pc.and_(pc.is_finite(values), pc.invert(long)), values, None)
    if pa.types.is_floating(plain.type):
        return pc.if_else(pc.is_finite(plain), plain, None)
    low = 0 if plain.type == pa.uint64() else -EXACT
    return _between(plain, low, EXACT).cast(pa.float64())


def _moments(text: pa.Array) -> pa.Array:
    """Return ISO 8601 times in UTC."""
    naive = _cast(_matching(text, f"{DAY}(?:{CLOCK})?"), pa.timestamp("us"))
    zoned = naive
    if naive.null_count > text.null_count:
        zoned = _cast(_matching(text, f"{DAY}{CLOCK}{ZONE}"), pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    return _in_years(pc.coalesce(naive, zoned).cast(pa.int64()))


def _scaled(whole: pa.Array, nanoseconds: int) -> pa.Array:
    """Return whole numbers of a unit since 1970 as times; null where they are finer than a microsecond."""
    if nanoseconds == 1:
        units = pc.divide(whole, 1000)
        exact = pc.equal(pc.multiply(units, 1000), whole)
        return _in_years(pc.if_else(exact, units, None))
    times = nanoseconds // 1000
    return _in_years(pc.multiply(_between(whole, TIMES[0] // times, TIMES[1] // times), times))


def _in_years(microseconds: pa.Array) -> pa.Array:
    return _between(microseconds, TIMES[0], TIMES[1] - 1).cast(pa.timestamp("us"))
