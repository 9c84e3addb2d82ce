import contextlib
import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.tables import as_arrow
from lifecycle.problem.cells import GAPS, OUT_OF_RANGE, ROUNDED, TOO_FINE, TOO_LARGE, TOO_LONG, TRUTH
from lifecycle.problem.column_types import BLOCK, parse, to_series
from lifecycle.problem.problem import Column
from tests.helpers_model import quick

INTEGER, NUMBER, TEXT, TIMESTAMP = (Column("x", kind, "") for kind in ("integer", "number", "text", "timestamp"))
int64 = st.integers(-(2**63), 2**63 - 1)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=zones)


def read(values, column, dtype=None):
    """Return the values read, None where one did not fit."""
    given = (
        values if isinstance(values, pa.Array) else as_arrow(pd.DataFrame({"x": pd.Series(values, dtype=dtype)}))["x"]
    )
    cells = parse(given, column)
    missing = cells.values.is_null().to_pylist()
    assert all(missing[row] for row in cells.misfits)
    return [None if pd.isna(value) else value for value in to_series(cells.values).tolist()]


def misfits(values, column, decimal="."):
    """Return the reasons, by row."""
    return dict(parse(values if isinstance(values, pa.Array) else pa.array(values), column, decimal).misfits)


def as_integer(text):
    """Read a whole number of up to 18 digits as Python does, or a word of truth, or None."""
    text = str(TRUTH.get(text, text))
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or number != int(number):
        return None
    with contextlib.suppress(ValueError):
        return int(text.strip().removesuffix("."))
    return int(number)


@quick
@given(st.lists(int64, min_size=1))
def test_integers_come_back_exactly_as_numbers_and_as_text(values):
    assert read(values, INTEGER) == read([str(value) for value in values], INTEGER, object) == values


@quick
@given(int64, st.sampled_from(["junk", "", None, "1.5", "7.0"]))
def test_integer_is_exact_whatever_stands_beside_it(value, other):
    assert read([str(value), other], INTEGER)[0] == value


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


@pytest.mark.parametrize("junk", ["", "x", "1,5", "1 000", "0x10", "1_000", "--1", "1e999", "nan", "∞", "5\x1c"])
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
    assert parse(pa.array(utc), TIMESTAMP).values.type == pa.timestamp("us")


def test_timestamps_of_several_spellings_stand_in_one_column():
    spellings = ["2018-04-01", "2018-04-01 00:00", "2018-04-01T02:00:00+02:00", "2018-04-01 00:00:00.000", "20180401"]
    assert set(read(spellings, TIMESTAMP)) == {pd.Timestamp("2018-04-01")}


@pytest.mark.parametrize(
    "junk",
    [
        *("", "soon", "now", "today", "NaT", "01/04/2018", "31/12/2024", "2018", "2018-04", "2018-W14-1", "2018-091"),
        *("2018-02-30", "2018-04-01 25:00", "2018-04-01T10:00+24:00", "2018-04-01T10:61", "2018-0401", "1522540831"),
        *("2018-04-01Z", "2018-04-01T10:00:00.", "2018-04-01\n10:00", "\u0662018-04-01", None),
    ],
)
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


def test_a_column_that_is_read_as_a_whole_gives_what_its_cells_give_one_by_one():
    cells = ["5", "+5", "-0", "007", " 8 ", "9.0", "1e2", str(2**63 - 1), str(2**63), "1.5", "x", "true", "NA", None]
    for column in (INTEGER, NUMBER, Column("x", "integer", "", nullable=True)):
        one_by_one = [read(pa.array([cell], pa.string()), column)[0] for cell in cells]
        assert read(pa.array(cells * BLOCK), column) == one_by_one * BLOCK


@quick
@given(st.lists(moments | st.sampled_from(["2018-02-30", "x", "20180401T101112Z"]), min_size=1, max_size=8))
def test_times_that_are_read_as_a_whole_are_those_that_are_read_one_by_one(values):
    cells = [value if isinstance(value, str) else value.isoformat() for value in values]
    assert read(pa.array(cells), TIMESTAMP) == [read(pa.array([cell, "x"]), TIMESTAMP)[0] for cell in cells]


@pytest.mark.parametrize(
    ("values", "column", "reason"),
    [
        (["soon"], TIMESTAMP, "not of type timestamp"),
        (["1677-12-31T23:59:59.999999"], TIMESTAMP, OUT_OF_RANGE),
        (["2261-12-31T23:00:00-01:00"], TIMESTAMP, OUT_OF_RANGE),
        (["9999-12-31T23:00:00-14:00"], TIMESTAMP, OUT_OF_RANGE),
        (["0001-01-01T00:00:00+14:00"], TIMESTAMP, OUT_OF_RANGE),
        (["2018-04-01T10:00:00.1234567"], TIMESTAMP, TOO_FINE),
        ([20180401], TIMESTAMP, "not of type timestamp, but int64"),
        ([2018.0], TIMESTAMP, "not of type timestamp, but double"),
        ([True], TIMESTAMP, "not of type timestamp, but bool"),
        (pa.array([10**8], pa.int32()).cast(pa.date32()), TIMESTAMP, OUT_OF_RANGE),
        (pa.array([10**17], pa.timestamp("ms")), TIMESTAMP, OUT_OF_RANGE),
        (pa.array([-(2**63)], pa.timestamp("s")), TIMESTAMP, OUT_OF_RANGE),
        (pa.array([1], pa.timestamp("ns", "UTC")), TIMESTAMP, TOO_FINE),
        (pa.array([5], pa.time64("us")), TIMESTAMP, "not of type timestamp, but time64[us]"),
        ([str(2**53 + 1)], NUMBER, TOO_LONG),
        ([2**53 + 1], NUMBER, TOO_LONG),
        (pa.array([2**64 - 1], pa.uint64()), NUMBER, TOO_LONG),
        ([Decimal(2**53 + 1)], NUMBER, TOO_LONG),
        ([2**53], Column("x", "integer", "", nullable=True), TOO_LARGE),
        ([-(2**63)], Column("x", "integer", "", nullable=True), TOO_LARGE),
        ([2.0**53 + 2], INTEGER, ROUNDED),
        ([1522540831250001000.0], Column("x", "timestamp", "", unit="ns"), ROUNDED),
        ([Decimal("1.5")], INTEGER, "not of type integer"),
        (["635240769435608.94"], INTEGER, "not of type integer"),  # as a float it is whole
        ([Decimal("635240769435608.94")], Column("x", "integer", "", nullable=True), "not of type integer"),
        (["1e-30"], INTEGER, "not of type integer"),
        (["9" * 5000], INTEGER, "not of type integer"),
        (["1e999999"], INTEGER, "not of type integer"),
        ([[1]], TEXT, "not of type text, but list<item: int64>"),
        ([{"a": 1}], TEXT, "not of type text, but struct<a: int64>"),
        ([b"x"], TEXT, "not of type text, but binary"),
        ([dt.timedelta(1)], TEXT, "not of type text, but duration[us]"),
        ([dt.datetime(2018, 1, 1)], TEXT, "not of type text, but timestamp[us]"),
        ([dt.date(2018, 1, 1)], TEXT, "not of type text, but date32[day]"),
        ([1147.0], TEXT, "not of type text, but double"),
        ([True], TEXT, "not of type text, but bool"),
        ([[1]], NUMBER, "not of type number, but list<item: int64>"),
        ([dt.date(2018, 1, 1)], INTEGER, "not of type integer, but date32[day]"),
    ],
)
def test_what_can_not_be_kept_exactly_is_a_misfit_with_its_reason_and_a_gap_beside_it_is_not(values, column, reason):
    given = pa.array(values) if isinstance(values, list) else values
    with_gap = pa.concat_arrays([given, pa.nulls(1, given.type)])
    assert read(with_gap, column) == [None, None]
    assert misfits(with_gap, column) == {0: reason}


@pytest.mark.parametrize(
    ("values", "column", "found"),
    [
        (pa.array([-(2**63), 2**63 - 1]), INTEGER, [-(2**63), 2**63 - 1]),
        (pa.array([2**63 - 1], pa.uint64()), INTEGER, [2**63 - 1]),
        (pa.array([2**53, -(2**53)]), NUMBER, [2.0**53, -(2.0**53)]),
        (pa.array(["9007199254740993.0"]), INTEGER, [2**53 + 1]),
        (pa.array(["1.5e3", "1e18", "0.0", "0e-999999", "-0." + "0" * 30]), INTEGER, [1500, 10**18, 0, 0, 0]),
        (pa.array([Decimal("12.50")]), NUMBER, [12.5]),
        (pa.array([Decimal("7.00")]), INTEGER, [7]),
        (pa.array([Decimal("7")]), TEXT, ["7"]),
        (pa.array([0.1], pa.float32()), NUMBER, [float(np.float32(0.1))]),
        (pa.array(["b", "a", "b", None]).dictionary_encode(), TEXT, ["b", "a", "b", None]),
        (pa.array([2**60 + 1, None]).dictionary_encode(), INTEGER, [2**60 + 1, None]),
        (pa.array([17_622], pa.int32()).cast(pa.date32()), TIMESTAMP, [pd.Timestamp("2018-04-01")]),
        (pa.array([1_000], pa.timestamp("ns")), TIMESTAMP, [pd.Timestamp("1970-01-01 00:00:00.000001")]),
        (pa.nulls(2), TIMESTAMP, [None, None]),
        (pa.array(["2018-04-01T10:00:00.123456000"]), TIMESTAMP, [pd.Timestamp("2018-04-01 10:00:00.123456")]),
        (pa.array(["20180401T101112Z", "2018-04-01T10:11:12,5"]), TIMESTAMP, None),
    ],
)
def test_values_of_a_file_that_are_exact_are_kept(values, column, found):
    if found is None:
        found = [pd.Timestamp("2018-04-01 10:11:12"), pd.Timestamp("2018-04-01 10:11:12.5")]
    assert read(values, column) == found
    assert misfits(values, column) == {}


@pytest.mark.parametrize("gap", GAPS)
def test_spellings_of_a_gap_are_no_misfits_and_text_keeps_them(gap):
    for column in (INTEGER, NUMBER, TIMESTAMP):
        assert read([gap, f" {gap} "], column, object) == [None, None]
        assert misfits([gap], column) == {}
    assert read([gap], TEXT) == [gap]


@pytest.mark.parametrize(
    ("unit", "cells", "found"),
    [
        ("s", ["1522540831", "1522540831.25", "-1", "1.5e1"], ["2018-04-01 00:00:31", "2018-04-01 00:00:31.25"]),
        ("d", ["17622", "17622.25", "-1"], ["2018-04-01 00:00:00", "2018-04-01 06:00:00", "1969-12-31"]),
        ("ms", ["1522540831250", "1522540831250.0"], ["2018-04-01 00:00:31.25", "2018-04-01 00:00:31.25"]),
        ("us", ["1522540831250000"], ["2018-04-01 00:00:31.25"]),
        ("ns", ["1522540831250001000"], ["2018-04-01 00:00:31.250001"]),
    ],
)
def test_a_number_since_1970_is_read_in_the_unit_that_the_column_declares(unit, cells, found):
    column = Column("x", "timestamp", "", unit=unit)
    expected = [pd.Timestamp(text) for text in found]
    assert read(cells, column)[: len(found)] == expected
    assert (
        read([float(cell) for cell in cells], column)[: len(found)] == expected or unit == "ns"
    )  # such a float is rounded
    assert misfits(cells, column) == {}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("2018-04-01", "not of type timestamp"),
        ("1e300", OUT_OF_RANGE),
        ("0.0000001", TOO_FINE),
        ("1e-300", TOO_FINE),
        ("9300000000", OUT_OF_RANGE),
        (str(10**30), OUT_OF_RANGE),
    ],
)
def test_what_is_no_number_of_a_unit_or_out_of_range_is_a_misfit(cell, reason):
    assert misfits([cell], Column("x", "timestamp", "", unit="s")) == {0: reason}


def test_a_typed_time_needs_no_unit():
    moment = pd.Timestamp("2018-04-01")
    assert read(pd.Series([moment]), Column("x", "timestamp", "", unit="s")) == [moment]


def test_a_comma_before_the_decimals_is_read_where_it_is_set_and_a_point_is_not():
    cells = pa.array(["1,5", "-2", "1.5", "1.234,5"])
    assert parse(cells, NUMBER, ",").values.to_pylist() == [1.5, -2.0, None, None]
    assert misfits(cells, NUMBER, ",").keys() == {2, 3}
    assert parse(pa.array(["7,0", "7.0"]), INTEGER, ",").values.to_pylist() == [7, None]
    assert misfits(pa.array(["2018-04-01T10:11:12.5"]), TIMESTAMP, ",") == {}
    assert parse(pa.array(["1,5"]), Column("x", "timestamp", "", unit="s"), ",").values.to_pylist() == [
        dt.datetime(1970, 1, 1, 0, 0, 1, 500_000)
    ]
