import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.batch import evaluate
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Weekend
from lifecycle.problem.window_words import Window
from tests.helpers_features import by_definition, frame_of, tables
from tests.helpers_model import quick

times = st.lists(st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2050-12-31")), min_size=1, max_size=30).map(
    lambda values: pd.Series(sorted(values)).astype("datetime64[us]")
)


@given(times, st.integers(0, 23))
@quick
def test_calendar_features_agree_with_pandas(time, last_hour):
    features = (Weekend(), Night("is_night", last_hour=last_hour), Hour())
    found = evaluate(features, time.to_frame("t"), "t", {})
    midnight = time.dt.normalize()
    np.testing.assert_array_equal(found["is_weekend"], time.dt.day_of_week >= 5)
    np.testing.assert_array_equal(found["is_night"], time.dt.hour <= last_hour)
    np.testing.assert_allclose(found["hour"], (time - midnight) / pd.Timedelta(hours=1), rtol=1e-12)


@given(tables)
@quick
def test_ratios_and_differences_are_those_of_each_record(table):
    features = (
        Ratio("a", "speed", "score"),
        Ratio("b", "score", "speed", empty=0),
        Ratio("c", "items", "card", empty=-1.5),
        Difference("d", "score", "items"),
        Difference("e", "card", "amount"),
    )
    found, defined = evaluate(features, frame_of(table), "time", {}), by_definition(features, table)
    for name, values in defined.items():
        assert found[name].dtype == np.float64
        np.testing.assert_array_equal(found[name], np.array(values, np.float64), err_msg=name)


def test_a_ratio_over_nothing_is_empty_and_one_of_nothing_is_missing():
    frame = pd.DataFrame(
        {"t": pd.to_datetime(["2018-04-01"] * 5), "a": [1, 0, np.nan, 6, 1], "b": [0, 0, 2, 3, np.nan]}
    )
    found = evaluate((Ratio("r", "a", "b", empty=9), Ratio("n", "a", "b"), Difference("d", "a", "b")), frame, "t", {})
    np.testing.assert_array_equal(found["r"], [9, 9, np.nan, 2, 9])
    np.testing.assert_array_equal(found["n"], [np.nan, np.nan, np.nan, 2, np.nan])
    np.testing.assert_array_equal(found["d"], [1, 0, np.nan, 3, np.nan])


@pytest.mark.parametrize("zone", ["Europe/Brussels", "America/New_York"])
@pytest.mark.parametrize("changed", ["2018-03-25", "2018-10-28", "2018-03-11", "2018-11-04"])
def test_a_day_has_24_hours_also_when_the_clocks_change(zone, changed, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    start = pd.Timestamp(changed)
    moments = start + pd.to_timedelta([-12, 2, 11.99, 12, 26, 36], "h")
    frame = pd.DataFrame({"t": moments.astype("datetime64[us]"), "card": 1})
    features = (
        Hour(),
        Weekend(),
        Window("n", "count", "card", days=(1,)),
        Window("s", "since", "card", days=(1,), current=False),
    )
    found = evaluate(features, frame, "t", {})
    monkeypatch.undo()
    time.tzset()
    assert found["n_1d"].tolist() == [1, 2, 3, 3, 3, 2]
    assert found["hour"].round(2).tolist() == [12, 2, 11.99, 12, 2, 12]
    assert found["s_1d"].mul(24).round(2).tolist() == [24, 14, 9.99, 0.01, 14, 10]
    assert found["is_weekend"].tolist() == [1, 1, 1, 1, 0, 0]
