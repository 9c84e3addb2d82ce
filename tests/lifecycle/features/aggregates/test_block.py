import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates.block import Block, as_units
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window
from tests.helpers_model import quick

SPAN = 200 * DAY_US
DAYS = np.array([0, 0, 1, 1, 3])  # of the only entity's records
HOUR = 1 / 24


def block(days=DAYS, entity=None, decimals=2, **columns):
    entity = np.zeros(len(days), np.int64) if entity is None else np.array(entity)
    time = np.round(np.asarray(days) * DAY_US).astype(np.int64)
    return Block(entity * SPAN + time, {k: np.array(v) for k, v in columns.items()}, {"amount": decimals})


def ranges(of_block, window):
    low, high = of_block.range(window, window.days[0])
    return [tuple(pair) for pair in np.column_stack([low, high]).tolist()]


@pytest.mark.parametrize(
    ("window", "covered"),
    [
        (Window("n", "count", "card", days=(1,)), [(0, 1), (0, 2), (2, 3), (2, 4), (4, 5)]),
        (Window("n", "count", "card", days=(1,), current=False), [(0, 0), (0, 1), (2, 2), (2, 3), (4, 4)]),
        (Window("n", "count", "card", days=(1 + HOUR,)), [(0, 1), (0, 2), (0, 3), (0, 4), (4, 5)]),
        (Window("n", "count", "card", days=(1,), delay_days=1), [(0, 0), (0, 0), (0, 2), (0, 2), (4, 4)]),
        (Window("n", "count", "card", days=(1,), delay_days=HOUR), [(0, 0), (0, 0), (0, 2), (0, 2), (4, 4)]),
        (Window("n", "count", "card", days=(2,), delay_days=2), [(0, 0), (0, 0), (0, 0), (0, 0), (0, 4)]),
    ],
)
def test_a_window_covers_from_behind_its_old_edge_up_to_its_young_edge(window, covered):
    assert ranges(block(), window) == covered


def test_a_microsecond_decides_at_both_edges():
    late = Window("n", "count", "card", days=(1,), delay_days=1)
    for beside, young, old in ((-1, 1, 1), (0, 1, 1), (1, 0, 0)):
        beside_days = beside / DAY_US
        assert ranges(block([0, 1 - beside_days]), late)[1] == (0, young)
        assert ranges(block([0, 2 - beside_days]), late)[1] == (old, 1)


def test_a_window_never_reaches_into_another_entity():
    pair = block([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1])
    for window in (
        Window("n", "count", "card", days=(99,)),
        Window("n", "count", "card", days=(9,), delay_days=90),
    ):
        assert all(
            low >= 3 * (row > 2) and high <= 3 + 3 * (row > 2) for row, (low, high) in enumerate(ranges(pair, window))
        )


def test_conditions_are_met_all_together():
    both = (Where("amount", ">=", 2), Where("kind", "==", "a"))
    found = block(amount=[1, 2, 3, 4, 5], kind=["a", "a", "b", "a", "b"])
    assert found.mask(both).tolist() == [False, True, False, True, False]
    assert found.mask(()).all()


def test_the_last_record_in_a_mask_is_found_before_each_position():
    assert block().last(np.array([False, True, False, True, False])).tolist() == [-1, -1, 1, 1, 3, 3]


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40))
@quick
def test_totals_and_spread_are_those_of_whole_numbers(cents):
    window = Window("x", "std", "card", "amount", where=(Where("amount", ">=", -5e9),))
    of_block = block(np.arange(len(cents)), amount=np.array(cents) / 100)
    low, high = np.zeros(len(cents), np.int64), np.arange(1, len(cents) + 1)
    kept = [[c for c in cents[:stop] if c >= -5e11] for stop in high]
    assert of_block.count(window, low, high).tolist() == [len(seen) for seen in kept]
    assert of_block.total(window, low, high).tolist() == [sum(seen) for seen in kept]
    spread = [float(len(seen) * sum(c * c for c in seen) - sum(seen) ** 2) for seen in kept]
    assert of_block.spread(window, low, high).tolist() == spread


def test_units_are_rounded_to_the_nearest_and_whole_numbers_are_scaled():
    assert as_units(np.array([1.005, 0.29, -0.29, 1.999]), 100).tolist() == [100, 29, -29, 200]
    assert as_units(np.array([1, -2], np.int8), 100).tolist() == [100, -200]


@pytest.mark.parametrize("values", [[1e17], [-1e17], [np.nan], [np.inf], [5e16, 5e16]])
def test_what_can_not_be_summed_in_64_bits_is_refused(values):
    with pytest.raises(OverflowError, match="do not fit 64 bits"):
        as_units(np.array(values), 100)


def test_the_largest_sums_that_fit_are_exact():
    huge = np.array([2**61, 2**61, 2**61])
    window = Window("x", "sum", "card", "amount")
    total = block([0, 1, 2], decimals=0, amount=huge).total(window, np.zeros(3, np.int64), np.arange(1, 4))
    assert total.tolist() == [2**61, 2**62, 3 * 2**61]


def test_a_column_whose_sums_do_not_fit_is_named():
    window = Window("x", "sum", "card", "amount")
    with pytest.raises(PipelineError, match=r"column 'amount': sums of 3 values.*narrower limits in the contract"):
        block([0, 1, 2], decimals=0, amount=np.array([1e18, 9e18, 9e18])).total(
            window, np.zeros(3, np.int64), np.arange(3)
        )
