import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.aggregates.values import _over_ranges, rolling_median
from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window
from tests.helpers_model import ROOT, quick

steps = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)
values = st.sampled_from([-1.5, -0.0, 0.0, 0.1, 0.2, 1e300, 7.0, 8.0])


def over(aggregate, column, days=1.0, **changes):
    """Evaluate one window over one card's column, a second apart."""
    rows = len(column)
    table = {"time": np.arange(rows) * 1_000_000, "card": np.ones(rows, np.int64), "x": np.array(column)}
    window = Window("w", aggregate, by="card", of="x", days=(days,), **changes)
    return evaluate_windows([window], table, table["time"], {})[window.names[0]].tolist()


def ranges(moves, size):
    """Turn steps of the two ends into ranges that never go back, many of them empty, many far apart."""
    high = np.minimum(np.cumsum([step for step, _ in moves]), size)
    return np.minimum(np.cumsum([step for _, step in moves]), high), high


@given(steps, st.data())
@quick
def test_the_extremes_and_medians_of_ranges_are_those_of_slices(moves, data):
    column = np.array(data.draw(st.lists(values, min_size=len(moves), max_size=len(moves))))
    low, high = ranges(moves, len(column))
    slices = [column[a:b] for a, b in zip(low, high, strict=True)]
    for function in (np.minimum, np.maximum):
        expected = [function.reduce(part) if len(part) else 0 for part in slices]
        np.testing.assert_array_equal(_over_ranges(function, column, low, high), expected)
    expected = [np.median(part) if len(part) else np.nan for part in slices]
    np.testing.assert_array_equal(rolling_median(column, low, high), expected)


@given(steps, st.data())
@quick
def test_a_median_leaves_out_what_is_missing(moves, data):
    column = np.array(data.draw(st.lists(values | st.just(np.nan), min_size=len(moves), max_size=len(moves))))
    low, high = ranges(moves, len(column))
    kept = [column[a:b][~np.isnan(column[a:b])] for a, b in zip(low, high, strict=True)]
    expected = [np.median(part) if len(part) else np.nan for part in kept]
    np.testing.assert_array_equal(rolling_median(column, low, high), expected)


def test_a_range_over_everything_is_found_among_thousands():
    column = np.random.default_rng(0).random(5_000)
    high = np.arange(1, 5_001)
    found = _over_ranges(np.maximum, column, np.zeros(5_000, np.int64), high)
    np.testing.assert_array_equal(found, np.maximum.accumulate(column))


@pytest.mark.parametrize("aggregate", ["min", "max", "median"])
def test_a_zero_has_no_sign(aggregate):
    for column in ([-0.0], [0.0, -0.0], [-0.0, 0.0]):
        assert not np.signbit(over(aggregate, column)).any()


def test_an_infinite_value_is_an_extreme_like_any_other():
    assert over("max", [1.0, np.inf, 2.0]) == [1.0, np.inf, np.inf]
    assert over("min", [np.inf, np.inf, 2.0]) == [np.inf, np.inf, 2.0]


@pytest.mark.parametrize("aggregate", ["min", "max", "median"])
def test_what_stands_for_nothing_can_be_chosen(aggregate):
    assert over(aggregate, [5.0, 9.0], where=(Where("x", ">=", 7),), empty=-1) == [-1.0, 9.0]
    assert over(aggregate, [5.0, 9.0], current=False, empty=-1) == [-1.0, 5.0]
    assert np.isnan(over(aggregate, [5.0, 9.0], delay_days=1)).all()


def test_a_service_reads_windows_without_pandas():
    code = "import lifecycle.features.online.evaluator, sys; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", check=True)


def distinct(column, card=None, days=1.0, **changes):
    """Count different values in a window over records a second apart."""
    rows = len(column)
    card = np.zeros(rows, np.int64) if card is None else np.array(card)
    table = {"time": np.arange(rows) * 1_000_000, "card": card, "x": np.array(column)}
    window = Window("w", "distinct", by="card", of="x", days=(days,), **changes)
    return evaluate_windows([window], table, table["time"], {})[window.names[0]].tolist()


def test_a_value_counts_once_however_often_it_is_covered():
    two_seconds = 2_000_000 / DAY_US
    assert distinct(["a", "b", "a", "a", "c"]) == [1, 2, 2, 2, 3]
    assert distinct(["a", "b", "a", "a", "c"], days=two_seconds) == [1, 2, 2, 1, 2]
    assert distinct([0.0, -0.0, 0.5]) == [1, 1, 2]


def test_only_values_that_are_covered_count():
    assert distinct([1, 2, 1, 1, 3], where=(Where("x", "!=", 1),)) == [0, 1, 1, 1, 2]
    assert distinct([1, 2, 1, 3], current=False) == [0, 1, 2, 2]
    assert distinct([1, 2, 1, 3], days=1e-6, delay_days=1 / 86_400) == [0, 1, 1, 1]


def test_each_entity_has_its_own_values():
    assert distinct(["a", "a", "b", "b", "a", "a"], card=[0, 1, 0, 1, 0, 1]) == [1, 1, 2, 2, 2, 2]
    assert distinct(["a", "b", "a", "b"], card=[0, 0, 1, 1]) == [1, 2, 1, 2]
    assert distinct(["a", "b", "a", "b"], card=["x", "y", "y", "x"]) == [1, 1, 2, 2]
