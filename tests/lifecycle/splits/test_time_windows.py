import itertools
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import SplitParams
from lifecycle.problem.loading import fill
from lifecycle.splits.time_windows import (
    DAY,
    TimeWindow,
    Timing,
    left_out,
    plan,
    rows_to_test,
    take,
    timing,
    without_known_entities,
)
from problems.generators.card_simulator import simulate
from problems.transactions import PROBLEM
from tests.helpers_model import params, payments, quick

FIRST, LAST = pd.Timestamp("2018-04-01 00:00:31"), pd.Timestamp("2018-09-30 23:59:57")


def split(**changes) -> SplitParams:
    return fill(params(**{f"split__{key}": value for key, value in changes.items()}).split, PROBLEM, "split")


def window(*days):
    return TimeWindow(*(pd.Timestamp(f"2018-{day}") for day in days))


def test_the_windows_are_those_of_a_calendar():
    assert plan(split(folds=4), FIRST, LAST) == [
        window("06-20", "06-27", "07-04", "07-11"),
        window("06-27", "07-04", "07-11", "07-18"),
        window("07-04", "07-11", "07-18", "07-25"),
        window("07-11", "07-18", "07-25", "08-01"),
        window("07-25", "08-01", "08-08", "08-15"),
    ]


def test_expanding_windows_begin_with_the_records_and_end_where_sliding_ones_do():
    sliding, expanding = (plan(split(window=window), FIRST, LAST) for window in ("sliding", "expanding"))
    assert expanding == [window._replace(train_start=pd.Timestamp("2018-04-01")) for window in sliding]
    with pytest.raises(PipelineError, match="need records from 2018-03-"):
        plan(split(window="expanding", train_days=100), FIRST, LAST)


lengths = st.floats(0.25, 12).map(lambda days: round(days, 2))


@given(st.integers(2, 6), lengths, st.floats(0, 12), lengths, st.booleans())
@quick
def test_nothing_is_learned_or_decided_from_labels_unknown_at_the_time(
    folds, train_days, delay_days, test_days, latest
):
    lengths = {"train_days": train_days, "delay_days": delay_days, "test_days": test_days}
    windows = plan(split(folds=folds, **lengths), FIRST, LAST)
    delay, final = pd.Timedelta(days=delay_days), windows[-1]
    assert all(w.train_end + delay <= w.test_start for w in windows)
    assert all(w.test_end + delay <= final.test_start for w in windows[:-1])
    assert all(one.test_end == other.test_start for one, other in itertools.pairwise(windows[:-1]))


@pytest.mark.parametrize(
    "changes",
    [{"test_start": "2018-05-01"}, {"test_start": "2018-09-27"}, {"train_days": 100}, {"folds": 16}],
    ids=["starts_too_early", "ends_too_late", "learns_too_long", "too_many_folds"],
)
def test_too_short_data_are_refused_with_the_dates(changes):
    with pytest.raises(PipelineError) as refusal:
        plan(split(**changes), FIRST, LAST)
    for part in (
        f"they are from {FIRST} to {LAST}",
        "need records from 2018-",
        "shorten train_days",
        "move test_start",
    ):
        assert part in str(refusal.value)


def test_lengths_that_nobody_set_are_asked_for():
    with pytest.raises(PipelineError, match="set train_days, delay_days and test_days"):
        plan(params().split, FIRST, LAST)


@pytest.mark.parametrize("missing", ["train_days", "delay_days", "test_days"])
def test_one_length_that_nobody_set_is_asked_for(missing):
    with pytest.raises(PipelineError, match="set train_days, delay_days and test_days"):
        plan(split().model_copy(update={missing: None}), FIRST, LAST)


def test_windows_of_parts_of_a_day_end_with_the_newest_record_and_begin_with_the_oldest():
    first, last = pd.Timestamp("2018-04-01 06:00:00.5"), pd.Timestamp("2018-04-08 18:00:00.000001")
    params = split(folds=2, train_days=1.5, delay_days=0.5, test_days=1).model_copy(update={"test_start": None})
    *_, final = plan(params, first, last)
    end = last + pd.Timedelta(microseconds=1)
    assert final == (end - 3 * DAY, end - 1.5 * DAY, end - DAY, end)
    lengths = {"folds": 2, "train_days": 2.25, "delay_days": 0.25, "test_days": 0.5, "window": "sliding"}
    earliest = first.floor("s") + 3.75 * DAY  # training, two folds, and a delay after each of both
    for start, is_enough in ((earliest, True), (earliest - pd.Timedelta(microseconds=1), False)):
        changed = split(**lengths).model_copy(update={"test_start": start})
        if is_enough:
            assert plan(changed, first, last)[0].train_start == first.floor("s")
        else:
            with pytest.raises(PipelineError, match="need records from"):
                plan(changed, first, last)


def test_expanding_windows_all_begin_with_the_oldest_record():
    sliding, expanding = (plan(split(folds=3, window=kind), FIRST, LAST) for kind in ("sliding", "expanding"))
    assert {window.train_start for window in expanding} == {pd.Timestamp("2018-04-01")}
    assert [window[1:] for window in expanding] == [window[1:] for window in sliding]
    with pytest.raises(PipelineError, match="take fewer folds"):
        plan(split(folds=16, window="expanding"), FIRST, LAST)


def test_only_a_split_in_time_has_a_delay_and_days():
    params = split(train_days=7, delay_days=2, test_days=3.5)
    assert timing(params) == (2 * DAY, 3.5)
    assert timing(params.model_copy(update={"strategy": "random"})) == Timing(None, None)


def test_as_many_days_as_are_needed_are_enough_though_none_begins_with_a_record_at_midnight():
    windows = plan(split(folds=2, test_start="2018-05-06"), FIRST, pd.Timestamp("2018-05-12 20:00"))
    assert windows[0].train_start == pd.Timestamp("2018-04-01")


def test_the_latest_window_of_whole_days_has_as_many_calendar_days():
    last_week = plan(params(split__train_days=7, split__delay_days=7, split__test_days=7).split, FIRST, LAST)[-1]
    seconds = pd.Series(pd.date_range(FIRST, LAST, freq="s"))
    judged = take(seconds.to_frame("t"), "t", last_week.test_start, last_week.test_end)
    assert judged["t"].iloc[-1] == LAST
    assert judged["t"].dt.floor("D").nunique() == 7


def test_a_window_has_its_first_moment_and_not_its_last():
    records = pd.DataFrame({"t": pd.to_datetime(["2018-04-01", "2018-04-02", "2018-04-03"])})
    assert take(records, "t", *records["t"].iloc[[0, 2]]).index.tolist() == [0, 1]


def kept_day_by_day(records, w):
    """Walk through the test days; known are frauds since training began whose label delay is over before the day."""
    delay, kept = w.test_start - w.train_end, []
    for day in pd.date_range(w.test_start, w.test_end, inclusive="left"):
        time, fraud = records["tx_time"], records["is_fraud"] == 1
        blocked = records.loc[fraud & (time >= w.train_start) & (time < day - delay), "customer_id"]
        today = records[(time >= day) & (time < day + DAY)]
        kept += today[~today["customer_id"].isin(blocked)].index.tolist()
    return kept


def kept(records, w):
    return without_known_entities(records, w, "customer_id", "tx_time", "is_fraud").index.tolist()


@pytest.mark.parametrize("w", [window("05-06", "05-13", "05-20", "05-27"), window("04-20", "05-20", "05-21", "05-24")])
def test_blocked_cards_are_those_of_the_published_protocol(w):
    assert kept(payments(), w) == kept_day_by_day(payments(), w)


@pytest.mark.parametrize(
    ("fraud", "blocked"),
    [("05-12 23:59:59", True), ("05-13 00:00:00", False), ("05-06", True), ("05-05 23:59:59", False)],
    ids=["known_before_the_day", "known_as_the_day_begins", "as_training_began", "before_training_began"],
)
def test_a_card_is_blocked_from_the_first_day_that_knows_of_its_fraud(fraud, blocked):
    times = pd.to_datetime([f"2018-{fraud}", "2018-05-20 10:00", "2018-05-20 11:00"], format="ISO8601")
    records = pd.DataFrame({"tx_time": times, "customer_id": [1, 1, 2], "is_fraud": [1, 0, 1]})
    assert kept(records, window("05-06", "05-13", "05-20", "05-27")) == ([2] if blocked else [1, 2])


def test_rows_to_test_are_without_known_entities_where_that_is_asked_for():
    w, records = window("05-06", "05-13", "05-20", "05-27"), payments()
    everyone = take(records, "tx_time", w.test_start, w.test_end)
    unknown = rows_to_test(records, w, PROBLEM, drop_known=True)
    assert unknown.index.tolist() == kept_day_by_day(records, w)
    pd.testing.assert_frame_equal(rows_to_test(records, w, PROBLEM, drop_known=False), everyone)
    without = replace(PROBLEM, entity=None)
    pd.testing.assert_frame_equal(rows_to_test(records, w, without, drop_known=True), everyone)
    assert left_out(records, w, "tx_time", unknown) == len(everyone) - len(unknown) > 0


def test_where_nobody_was_defrauded_no_card_is_blocked():
    w = window("05-06", "05-13", "05-20", "05-27")
    assert (
        kept(payments().assign(is_fraud=0), w) == take(payments(), "tx_time", w.test_start, w.test_end).index.tolist()
    )


@pytest.mark.slow
def test_the_windows_of_the_benchmark_hold_the_published_numbers():
    records = simulate(customers=5_000, terminals=10_000, days=183, seed=0)
    final = plan(split(), records["tx_time"].iloc[0], records["tx_time"].iloc[-1])[-1]
    train = take(records, "tx_time", final.train_start, final.train_end)
    test = without_known_entities(records, final, "customer_id", "tx_time", "is_fraud")
    assert (len(train), train["is_fraud"].sum()) == (67_240, 598)
    assert (len(test), test["is_fraud"].sum()) == (58_264, 385)
