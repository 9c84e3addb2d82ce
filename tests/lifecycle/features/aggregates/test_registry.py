"""Each aggregate read from a track, one record after the other, has the bits that a table gives it."""

from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.aggregates.registry import PRIMITIVES
from lifecycle.features.aggregates.track import Record, Track
from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import AGGREGATES, Window
from tests.helpers_features import COLUMNS, DECIMALS, tables, windows_of
from tests.helpers_model import quick


def test_every_aggregate_of_the_vocabulary_has_its_class_and_no_class_is_without_a_name():
    assert set(PRIMITIVES) == set(AGGREGATES)


def test_the_helpers_know_columns_for_every_aggregate():
    assert {shape.of for shape in AGGREGATES.values()} <= set(COLUMNS)


def empty_track(window):
    keeps = {what: (window.of,) if what in PRIMITIVES[window.aggregate].keeps else () for what in ("values", "squares")}
    sums = {window.of: 10 ** DECIMALS[window.of]} if "sums" in PRIMITIVES[window.aggregate].keeps else {}
    return Track(keeps["values"], sums, keeps["squares"])


def read_one_by_one(window, table):
    """Yield what is read of each record, with the type that the aggregate has."""
    as_type = np.dtype(AGGREGATES[window.aggregate].type).type
    tracks = {}
    for row, time in enumerate(table["time"].tolist()):
        values = {name: column[row].item() if column.dtype != object else column[row] for name, column in table.items()}
        track = tracks.setdefault(values[window.by], empty_track(window))
        record = Record(time, row, row, values)
        met = all(condition.holds(values[condition.column]) for condition in window.where)
        at = track.insert(record) if met else len(track.times)
        for days in window.days:
            low = bisect_right(track.times, time - round((window.delay_days + days) * DAY_US))
            high = bisect_right(track.times, time - window.age_us) if window.age_us else at + (met and window.current)
            yield as_type(PRIMITIVES[window.aggregate].read(track, window, days, low, high, time)).tobytes()


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
        read = PRIMITIVES[aggregate].read(track, window, 1, 0, 3, 2)
        assert np.float64(read).tobytes() == found[2].tobytes()
