"""Each aggregate read from a track, one record after the other, has the bits that a table gives it."""

from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.aggregates import AGGREGATES, aggregates_of, feature_columns
from lifecycle.features.aggregates.track import Record, Track
from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US, Hour
from lifecycle.problem.window_words import Window
from tests.helpers_features import COLUMNS, DECIMALS, tables, windows_of
from tests.helpers_model import quick


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_aggregate_says_what_it_takes_and_gives(name):
    aggregate = AGGREGATES[name]
    assert aggregate.needs in COLUMNS
    assert aggregate.dtype in ("int32", "float64")
    assert aggregate.dtype == "float64" or aggregate.default == 0  # whole numbers know no NaN
    assert set(aggregate.keeps) <= {"values", "sums", "squares"}


def test_a_window_over_nothing_gives_what_is_declared_or_the_aggregates_own_or_its_length():
    def empty(*declaration, **changes):
        return [aggregate.empty for aggregate in aggregates_of(Window("x", *declaration, days=(1, 7), **changes))]

    assert empty("sum", "card", "amount") == [0, 0]
    assert empty("since", "card") == [1, 7]
    assert empty("since", "card", delay_days=2) == [3, 9]
    assert empty("since", "card", empty=-1) == [-1, -1]
    assert empty("mean", "card", "amount", empty=0) == [0, 0]
    assert np.isnan(empty("mean", "card", "amount")).all()


def test_a_column_is_what_its_feature_names():
    window, hour = Window("n", "count", "card", days=(0.5, 7)), Hour("hour_of_day")
    assert [(column.name, column.days) for column in feature_columns(window)] == [("n_0.5d", 0.5), ("n_7d", 7)]
    assert feature_columns(hour) == [hour]


def empty_track(window):
    keeps = {what: (window.of,) if what in AGGREGATES[window.aggregate].keeps else () for what in ("values", "squares")}
    sums = {window.of: 10 ** DECIMALS[window.of]} if "sums" in AGGREGATES[window.aggregate].keeps else {}
    return Track(keeps["values"], sums, keeps["squares"])


def read_one_by_one(window, table):
    """Yield what is read of each record, with the type that the aggregate has."""
    as_type = np.dtype(AGGREGATES[window.aggregate].dtype).type
    tracks = {}
    for row, time in enumerate(table["time"].tolist()):
        values = {name: column[row].item() if column.dtype != object else column[row] for name, column in table.items()}
        track = tracks.setdefault(values[window.by], empty_track(window))
        record = Record(time, row, row, values)
        met = all(condition.holds(values[condition.column]) for condition in window.where)
        at = track.insert(record) if met else len(track.times)
        for aggregate in aggregates_of(window):
            low = bisect_right(track.times, time - round((window.delay_days + aggregate.days) * DAY_US))
            high = bisect_right(track.times, time - window.age_us) if window.age_us else at + (met and window.current)
            yield as_type(aggregate.online(track, low, high, time)).tobytes()


@pytest.mark.parametrize("aggregate", AGGREGATES)
@given(table=tables, data=st.data())
@quick
def test_what_a_track_gives_has_the_bits_of_the_table(aggregate, table, data):
    window = data.draw(windows_of(aggregate))
    found = evaluate_windows([window], table, table["time"], DECIMALS)
    batch = [found[name][row].tobytes() for row in range(len(table["time"])) for name in window.names]
    assert list(read_one_by_one(window, table)) == batch


def test_totals_beyond_what_a_float_holds_are_rounded_once_in_the_same_way():
    cents = np.array([2**61 + 1, 2**54 + 3, 7])
    table = {"time": np.arange(3), "card": np.zeros(3, np.int64), "amount": cents}
    for aggregate in ("sum", "mean", "std"):
        window = Window("w", aggregate, "card", "amount", (1,))
        found = evaluate_windows([window], table, table["time"], {"amount": 0})["w_1d"]
        track = Track((), {"amount": 1}, ("amount",))
        for row in range(3):
            track.insert(Record(row, row, row, {"amount": int(cents[row])}))
        online = AGGREGATES[aggregate](window, 1).online(track, 0, 3, 2)
        assert np.float64(online).tobytes() == found[2].tobytes()
