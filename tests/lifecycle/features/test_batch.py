import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.features.batch import evaluate
from lifecycle.features.vocabulary import Hour, Night, Raw, Weekend, Window
from lifecycle.stage import PipelineError
from problems.transactions import LABEL_DELAY_DAYS, PROBLEM
from tests.helpers_model import payments, quick

times = st.lists(st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2050-12-31")), min_size=1, max_size=30).map(
    lambda values: pd.Series(sorted(values)).astype("datetime64[us]")
)


def evaluated(frame, features=PROBLEM.features):
    return evaluate(features, frame, PROBLEM.time, PROBLEM.decimals)


@given(times, st.integers(0, 23))
@quick
def test_calendar_features_agree_with_pandas(time, last_hour):
    features = (Weekend(), Night("is_night", last_hour=last_hour), Hour())
    found = evaluate(features, time.to_frame("t"), "t", {})
    midnight = time.dt.normalize()
    np.testing.assert_array_equal(found["is_weekend"], time.dt.day_of_week >= 5)
    np.testing.assert_array_equal(found["is_night"], time.dt.hour <= last_hour)
    np.testing.assert_allclose(found["hour"], (time - midnight) / pd.Timedelta(hours=1), rtol=1e-12)


def test_columns_come_in_the_order_of_the_list_whatever_the_entities():
    features = (
        Window("b", "count", by="terminal_id", days=(7, 1)),
        Hour(),
        Window("a", "count", by="customer_id"),
        Raw("amount"),
    )
    assert list(evaluated(payments(), features)) == ["b_7d", "b_1d", "hour", "a_1d", "a_7d", "a_30d", "amount"]


def test_a_raw_column_stays_as_it_is():
    pd.testing.assert_series_equal(evaluated(payments())["amount"], payments()["amount"])


def test_the_index_of_the_records_is_kept():
    frame = payments().iloc[100:200]
    assert evaluated(frame).index.equals(frame.index)


def test_records_out_of_order_are_refused():
    with pytest.raises(ValueError, match="column tx_time: the table must be sorted by time"):
        evaluated(payments().iloc[::-1])


def test_an_empty_table_gives_an_empty_table():
    found = evaluated(payments().iloc[:0])
    assert list(found) == PROBLEM.feature_names
    assert len(found) == 0


@given(st.floats(0, 1), st.integers(0, 10**9))
@settings(parent=quick, max_examples=25)
def test_no_feature_knows_of_later_records(share, beside):
    frame = payments()
    first, last = frame["tx_time"].iloc[[0, -1]]
    cut = first + (last - first) * share + pd.Timedelta(beside, "us")
    before = frame[frame["tx_time"] <= cut]
    pd.testing.assert_frame_equal(evaluated(before), evaluated(frame).iloc[: len(before)], check_exact=True)


@given(st.integers(0, 31_000))
@settings(parent=quick, max_examples=25)
def test_a_label_younger_than_the_delay_never_changes_a_feature(row):
    frame = payments()
    now = frame["tx_time"].iloc[row]
    young = frame["tx_time"] > now - pd.Timedelta(days=LABEL_DELAY_DAYS)
    flipped = frame.assign(is_fraud=frame["is_fraud"].where(~young, 1 - frame["is_fraud"]))
    seen = frame["tx_time"] <= now
    pd.testing.assert_frame_equal(evaluated(flipped)[seen], evaluated(frame)[seen], check_exact=True)


def test_a_label_just_old_enough_does_change_a_feature():
    time = pd.to_datetime(["2018-04-01 12:00:00", "2018-04-08 12:00:00"]).astype("datetime64[us]")
    frame = payments().iloc[:2].assign(tx_time=time, terminal_id=3, is_fraud=[1, 0])
    assert evaluated(frame)["terminal_fraud_rate_1d"].tolist() == [0.0, 1.0]
    later = frame.assign(tx_time=[time[0] + pd.Timedelta(1, "us"), time[1]])
    assert evaluated(later)["terminal_fraud_rate_1d"].tolist() == [0.0, 0.0]


def test_payments_at_the_same_time_see_each_other():
    frame = payments().iloc[:2].assign(tx_time=pd.Timestamp("2018-04-01"), customer_id=3, amount=[1.0, 2.0])
    found = evaluated(frame)
    assert found["customer_tx_count_1d"].tolist() == [2, 2]
    assert found["customer_amount_mean_1d"].tolist() == [1.5, 1.5]


@pytest.mark.parametrize("column", ["amount", "customer_id"])
def test_windows_over_a_column_that_may_be_missing_are_refused_or_leave_the_missing_out(column):
    contract = (dataclasses.replace(c, nullable=c.nullable or c.name == column) for c in PROBLEM.contract)
    frame = payments().iloc[:50].assign(customer_id=7)
    frame[column] = frame[column].where(frame.index != 3)
    try:
        problem = dataclasses.replace(PROBLEM, contract=tuple(contract))
    except PipelineError as error:
        assert column in str(error)
    else:
        found = evaluate(problem.features, frame, problem.time, problem.decimals)
        assert (found["customer_tx_count_30d"] > 0).all()
        assert found["customer_amount_mean_30d"].drop(3).between(0, frame["amount"].max()).all()
