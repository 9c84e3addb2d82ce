import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.problem.column_types import TRUTH, parse
from lifecycle.problem.problem import Column
from tests.helpers_model import quick

INTEGER, NUMBER, TEXT, TIMESTAMP = (Column("x", kind, "") for kind in ("integer", "number", "text", "timestamp"))
int64 = st.integers(-(2**63), 2**63 - 1)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=zones)


def read(values, column, dtype=None):
    """Return the values read, None where one did not fit."""
    parsed = parse(pd.Series(values, dtype=dtype), column)
    return [None if pd.isna(value) else value for value in parsed.tolist()]


def as_integer(text):
    """Read a whole number of up to 18 digits as Python does, or a word of truth, or None."""
    text = TRUTH.get(text, text)
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) and abs(number) < 2**53 else None


@quick
@given(st.lists(int64, min_size=1))
def test_integers_come_back_exactly_as_numbers_and_as_text(values):
    assert read(values, INTEGER) == read([str(value) for value in values], INTEGER, object) == values


@quick
@given(int64)
def test_integer_beside_junk_is_exact_or_missing_but_never_another(value):
    assert read([str(value), "junk"], INTEGER)[0] in (value, None)
    assert read([str(value), "junk"], INTEGER)[0] == value or abs(value) >= 2**53


def test_integer_a_float_cannot_hold_is_not_rounded():
    assert read([str(2**53 + 1), "junk"], INTEGER)[0] in (2**53 + 1, None)


@quick
@given(st.lists(st.floats().filter(lambda value: abs(value) != 2**53) | st.integers(-9, 9).map(float), min_size=1))
def test_float_is_a_whole_number_or_missing(values):
    expected = [value if abs(value) < 2**53 and value == math.floor(value) else None for value in values]
    assert read(values, INTEGER, np.float64) == expected


@quick
@given(st.lists(st.floats(), min_size=1))
def test_finite_numbers_come_back_exactly_and_others_are_missing(values):
    expected = [value if math.isfinite(value) else None for value in values]
    assert read(values, NUMBER) == expected
    assert read([repr(value) for value in values], NUMBER, object) == expected


@pytest.mark.parametrize("junk", ["", "x", "1,5", "1 000", "0x10", "1_000", "--1", "1e999", "nan", "∞"])
@pytest.mark.parametrize("column", [INTEGER, NUMBER], ids=["integer", "number"])
def test_text_that_is_no_number_is_missing_and_its_neighbours_are_not(column, junk):
    assert read(["7", junk, " 8 ", None], column, object) == [7, None, 8, None]


@pytest.mark.parametrize(
    ("value", "read_as"), [(2**63, None), (-(2**63) - 1, None), (2**64, None), (10**30, None), (5, 5)]
)
def test_huge_integers_are_missing(value, read_as):
    assert read([1, value], INTEGER, object) == [1, read_as]
    assert read(["1", str(value)], INTEGER, object) == [1, read_as]


@pytest.mark.parametrize("dtype", [bool, object, "boolean"])
def test_true_and_false_are_one_and_zero(dtype):
    assert read([True, False], INTEGER, dtype) == [1, 0]


@pytest.mark.parametrize("dtype", [object, "boolean"])
def test_true_and_false_beside_a_gap_are_one_and_zero(dtype):
    assert read([True, None, False], INTEGER, dtype) == [1, None, 0]


@pytest.mark.parametrize(("dtype", "column"), [("Int64", INTEGER), ("UInt64", INTEGER), ("Float64", NUMBER)])
def test_nullable_types_keep_values_and_gaps(dtype, column):
    assert read([1, None, 3], column, dtype) == [1, None, 3]


@quick
@given(st.lists(moments, min_size=1, max_size=8))
def test_timestamps_are_utc_without_zone_as_text_and_typed(values):
    utc = [value.astimezone(dt.UTC).replace(tzinfo=None) for value in values]
    assert read([value.isoformat() for value in values], TIMESTAMP, object) == utc
    assert read(pd.to_datetime(values, utc=True).tz_convert("Europe/Brussels"), TIMESTAMP) == utc
    assert parse(pd.Series(utc), TIMESTAMP).dtype == "datetime64[us]"


def test_timestamps_of_several_spellings_stand_in_one_column():
    spellings = ["2018-04-01", "2018-04-01 00:00", "2018-04-01T02:00:00+02:00", "2018-04-01 00:00:00.000", "20180401"]
    assert set(read(spellings, TIMESTAMP)) == {pd.Timestamp("2018-04-01")}


@pytest.mark.parametrize("junk", ["", "soon", "01/04/2018", "2018-02-30", "2018-04-01 25:00", "1522540831", None])
def test_what_is_no_iso_timestamp_is_missing_and_its_neighbours_are_not(junk):
    assert read(["2018-04-01", junk], TIMESTAMP, object) == [pd.Timestamp("2018-04-01"), None]


@quick
@given(st.lists(st.text() | st.none(), min_size=1))
def test_text_stays_as_it_is(values):
    assert read(values, TEXT, object) == values


@quick
@given(st.lists(st.text(st.characters(codec="ascii"), max_size=8), min_size=1))
def test_any_text_is_read_like_python_reads_it_or_missing(values):
    for text, value in zip(values, read(values, INTEGER, object), strict=True):
        assert value is None or value == as_integer(text)


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        (INTEGER, "int64"),
        (NUMBER, "float64"),
        (TEXT, "str"),
        (TIMESTAMP, "datetime64[us]"),
        (Column("x", "integer", "", isin=(0, 1)), "int8"),
        (Column("x", "integer", "", isin=(-128, 127)), "int8"),
        (Column("x", "integer", "", isin=(0, 128)), "int64"),
        (Column("x", "integer", "", isin=(-129, 0)), "int64"),
        (Column("x", "integer", "", nullable=True, isin=(0, 1)), "float64"),
    ],
)
def test_columns_are_stored_in_the_smallest_type_that_holds_them(column, stored):
    assert column.storage_type == stored
