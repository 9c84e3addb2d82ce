import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.features.batch import evaluate
from lifecycle.problem.record_words import Hour, Raw
from lifecycle.problem.window_words import Window
from tests.helpers_model import payments, quick
from tests.helpers_payments import EVERYTHING

DECIMALS = {"amount": 2}
RATE = Window("rate", "rate", by="terminal_id", of="is_fraud", days=(1,), delay_days=7)


def evaluated(frame, *features):
    return evaluate(features or EVERYTHING, frame, "tx_time", DECIMALS)


def moments(*times):
    return pd.to_datetime(times).astype("datetime64[us]")


def test_columns_come_in_the_order_of_the_list_whatever_the_entities():
    features = (
        Window("b", "count", by="terminal_id", days=(7, 1)),
        Hour(),
        Window("a", "count", by="customer_id"),
        Raw("amount"),
    )
    assert list(evaluated(payments(), *features)) == ["b_7d", "b_1d", "hour", "a_1d", "a_7d", "a_30d", "amount"]


def test_a_raw_column_stays_as_it_is():
    pd.testing.assert_series_equal(evaluated(payments(), Raw("amount"))["amount"], payments()["amount"])


def test_the_index_of_the_records_is_kept():
    frame = payments().iloc[100:200]
    assert evaluated(frame).index.equals(frame.index)


def test_records_out_of_order_are_refused():
    with pytest.raises(ValueError, match="column tx_time: the table must be sorted by time"):
        evaluated(payments().iloc[::-1])


def test_an_empty_table_gives_an_empty_table():
    found = evaluated(payments().iloc[:0])
    assert list(found) == [name for feature in EVERYTHING for name in feature.names]
    assert len(found) == 0


@given(st.integers(0, 31_000))
@settings(parent=quick, max_examples=8)
def test_a_label_younger_than_the_delay_never_changes_a_feature(row):
    frame = payments()
    now = frame["tx_time"].iloc[row]
    young = frame["tx_time"] > now - pd.Timedelta(days=7)
    flipped = frame.assign(is_fraud=frame["is_fraud"].where(~young, 1 - frame["is_fraud"]))
    seen = frame["tx_time"] <= now
    pd.testing.assert_frame_equal(evaluated(flipped)[seen], evaluated(frame)[seen], check_exact=True)


def test_a_label_just_old_enough_does_change_a_feature():
    frame = payments().iloc[:2].assign(terminal_id=3, is_fraud=[1, 0])
    frame["tx_time"] = time = moments("2018-04-01 12:00:00", "2018-04-08 12:00:00")
    assert evaluated(frame, RATE)["rate_1d"].tolist() == [0.0, 1.0]
    later = frame.assign(tx_time=[time[0] + pd.Timedelta(1, "us"), time[1]])
    assert evaluated(later, RATE)["rate_1d"].tolist() == [0.0, 0.0]


def test_of_payments_at_the_same_time_the_later_sees_the_earlier():
    frame = payments().iloc[:2].assign(tx_time=pd.Timestamp("2018-04-01"), customer_id=3, amount=[1.0, 2.0])
    of_card = {"by": "customer_id", "days": (1,)}
    found = evaluated(frame, Window("n", "count", **of_card), Window("mean", "mean", of="amount", **of_card))
    assert found["n_1d"].tolist() == [1, 2]
    assert found["mean_1d"].tolist() == [1.0, 1.5]


@given(st.integers(1, 60))
@settings(parent=quick, max_examples=8)
def test_an_entity_does_not_depend_on_the_others(part):
    frame = payments()
    some = frame[frame["customer_id"] % 61 < part]
    of_cards = tuple(f for f in EVERYTHING if isinstance(f, Window) and f.name.startswith("card_"))
    found = evaluated(frame, *of_cards).loc[some.index]
    pd.testing.assert_frame_equal(evaluated(some, *of_cards), found, check_exact=True)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_that_a_table_keeps_time_in_changes_nothing(unit):
    frame = payments().iloc[:2_000]
    frame = frame.assign(tx_time=frame["tx_time"].dt.floor("s"))
    found = evaluated(frame.assign(tx_time=frame["tx_time"].astype(f"datetime64[{unit}]")))
    pd.testing.assert_frame_equal(found, evaluated(frame), check_exact=True)
    assert all(found[name].dtype == np.int32 for name in ("card_count_1d", "shop_distinct_30d", "large_2d"))
