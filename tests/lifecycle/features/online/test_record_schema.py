import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone
from math import inf, isnan, nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema, microseconds
from lifecycle.problem.window_words import Window
from problems.transactions import PROBLEM
from tests.helpers_model import quick
from tests.helpers_online import SCHEMA

ROW = {"transaction_id": 1, "tx_time": "2018-04-01T10:00:00", "customer_id": 5, "terminal_id": 6, "amount": 1.5}


@given(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
@quick
def test_a_time_is_the_same_however_it_is_written(moment, minutes):
    expected = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    zoned = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    for value in (moment, moment.isoformat(), zoned, zoned.isoformat(), pd.Timestamp(moment), expected):
        assert microseconds(value, "t") == expected


def test_a_time_with_a_zone_is_told_from_its_double_when_the_clocks_go_back():
    summer, winter = (microseconds(f"2018-10-28T02:30:00{zone}", "t") for zone in ("+02:00", "+01:00"))
    assert winter - summer == 3_600_000_000
    assert microseconds("2018-10-28T01:30:00Z", "t") == winter == microseconds("2018-10-28T01:30:00", "t")


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", 1.5, True, nan, date(2018, 4, 1), 2**63, [], "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ValueError, match="column tx_time: "):
        SCHEMA.event(ROW | {"tx_time": value})


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("customer_id", None, "None is no int"),
        ("customer_id", 5.0, "5.0 is no int"),
        ("customer_id", True, "True is no int"),
        ("customer_id", "5", "'5' is no int"),
        ("customer_id", 2**63, "9223372036854775808 is no int"),
        ("amount", "1.5", "'1.5' is no finite number"),
        ("amount", nan, "nan is no finite number"),
        ("amount", inf, "inf is no finite number"),
        ("amount", 1e14, "100000000000000.0 is too large to be summed exactly"),
        ("transaction_id", None, "None is no int"),
        ("transaction_id", "a", "'a' is no int"),
        ("is_fraud", "yes", "'yes' is no int"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_column(column, value, words):
    with pytest.raises(ValueError, match=f"column {column}: {words}"):
        SCHEMA.event(ROW | {column: value})


def test_a_missing_column_is_refused_by_its_name():
    for column in ROW:
        with pytest.raises(ValueError, match=f"column {column}: None"):
            SCHEMA.event({name: value for name, value in ROW.items() if name != column})


def test_a_whole_number_stands_for_a_number_and_columns_that_nobody_reads_are_left_out():
    _, key, values = SCHEMA.event(ROW | {"amount": 3, "colour": "red"})
    assert key == 1
    assert values == {"amount": 3.0, "customer_id": 5, "is_fraud": 0, "terminal_id": 6}
    assert isinstance(values["amount"], float)


def test_only_labels_that_windows_read_are_taken():
    assert SCHEMA.label(1, {"is_fraud": 1, "fraud_scenario": 3, "amount": 9.0}).values == {"is_fraud": 1}
    assert SCHEMA.label(1, {"is_fraud": None}).values == {}
    with pytest.raises(ValueError, match=r"column is_fraud: 1\.0 is no int"):
        SCHEMA.label(1, {"is_fraud": 1.0})


def test_what_may_be_missing_is_missing_as_in_the_table():
    schema = dataclasses.replace(SCHEMA, types={"amount": float, "place": str}, nullable=frozenset(["amount", "place"]))
    for missing in (None, nan):
        values = schema.event(ROW | {"amount": missing, "place": missing}).values
        assert isnan(values["amount"])
        assert values["place"] is None


def test_the_size_of_what_is_not_summed_does_not_matter():
    features = (Window("largest", "max", by="customer_id", of="amount"),)
    schema = Schema.of(PROBLEM, Plan(features, PROBLEM.decimals))
    assert schema.event(ROW | {"amount": 1e300}).values["amount"] == 1e300
