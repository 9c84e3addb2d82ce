import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window
from tests.helpers_model import quick


def over_amounts(aggregate, amounts, days=1.0, decimals=2, **changes):
    """Evaluate one window over one card's amounts, a second apart."""
    rows = len(amounts)
    table = {"time": np.arange(rows) * 1_000_000, "card": np.ones(rows, np.int64), "amount": np.array(amounts)}
    window = Window("x", aggregate, by="card", of="amount" if aggregate != "count" else None, days=(days,), **changes)
    return evaluate_windows([window], table, table["time"], {"amount": decimals})[window.names[0]]


def test_sums_are_exact_where_floating_point_sums_are_not():
    assert sum([0.1] * 10) != 1.0
    assert over_amounts("sum", [0.1] * 10)[-1] == 1.0
    assert over_amounts("mean", [0.1] * 10)[-1] == 0.1


def test_what_has_left_a_window_leaves_no_trace():
    amounts = [1e12, 0.01, 0.02, 0.03]
    two_seconds = 2_000_000 / DAY_US
    assert over_amounts("sum", amounts, two_seconds).tolist() == [1e12, 1e12 + 0.01, 0.03, 0.05]
    np.testing.assert_allclose(over_amounts("std", amounts, two_seconds)[2:], math.sqrt(0.5) / 100, rtol=1e-15)


@pytest.mark.parametrize("amount", [0.0, 0.1, 999_999.99, -33.33])
def test_equal_amounts_deviate_by_exactly_nothing(amount):
    found = over_amounts("std", [amount] * 200)
    assert np.isnan(found[0])
    assert (found[1:] == 0).all()


@given(st.integers(-(10**14), 10**14), st.lists(st.integers(0, 10**12), min_size=2, max_size=40))
@quick
def test_a_deviation_is_right_however_large_the_amounts_are(offset, cents):
    values = [offset + cent for cent in cents]
    found = over_amounts("std", [float(value) for value in values], decimals=0)
    for seen, std in zip(range(2, len(values) + 1), found[1:], strict=True):
        mean = Fraction(sum(values[:seen]), seen)
        variance = sum((value - mean) ** 2 for value in values[:seen]) / (seen - 1)
        assert math.isclose(std, math.sqrt(variance), rel_tol=1e-15)


@pytest.mark.parametrize("largest", [2**28 - 1, 2**28, 2**28 + 1, 2**30, 2**31, 2**40, 2**50])
def test_two_ways_to_a_deviation_meet_where_64_bits_end(largest):
    found = over_amounts("std", [float(largest), 0.0] * 4, decimals=0)[-1]
    assert found == pytest.approx(largest * math.sqrt(2 / 7), rel=1e-15)


def test_one_record_has_a_mean_but_no_deviation():
    assert over_amounts("mean", [5.0]).tolist() == [5.0]
    assert over_amounts("std", [5.0], empty=-1).tolist() == [-1.0]
    assert over_amounts("std", [5.0, 6.0], where=(Where("amount", ">=", 6),), empty=-1).tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("aggregate", ["sum", "mean", "std"])
def test_what_stands_for_nothing_can_be_chosen(aggregate):
    nothing = (Where("amount", ">=", 100),)
    assert over_amounts(aggregate, [5.0, 6.0], where=nothing, empty=-1).tolist() == [-1.0, -1.0]
    assert np.isnan(over_amounts(aggregate, [5.0], where=nothing, empty=math.nan)).all()


def test_a_sum_of_zero_is_no_sum_over_nothing():
    assert over_amounts("sum", [1.0, -1.0, 0.0], empty=-5).tolist() == [1.0, 0.0, 0.0]
