import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.features import batch
from lifecycle.features.aggregates import AGGREGATES
from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Window
from tests.helpers_features import DECIMALS, by_definition, tables, windows_of
from tests.helpers_model import quick

ROUNDED = {"mean", "std"}  # three or four operations, each right to the last bit; all others are exact


def evaluated(declared, table):
    return evaluate_windows(declared, table, table["time"], DECIMALS)


def assert_as_defined(declared, table):
    found = evaluated(declared, table)
    for window in declared:
        for name, values in by_definition((window,), table).items():
            assert found[name].dtype == AGGREGATES[window.aggregate].dtype
            tolerance = 1e-15 if window.aggregate in ROUNDED else 0
            np.testing.assert_allclose(found[name], values, rtol=tolerance, atol=0, err_msg=f"{window}")


@pytest.mark.parametrize("aggregate", AGGREGATES)
@given(table=tables, block_rows=st.sampled_from([1, 3, batch.BLOCK_ROWS]), data=st.data())
@settings(parent=quick, max_examples=60)
def test_windows_cover_what_they_promise(aggregate, table, block_rows, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "BLOCK_ROWS", block_rows)
        assert_as_defined([data.draw(windows_of(aggregate))], table)


@given(tables, st.data())
@quick
def test_windows_of_one_entity_share_what_they_find_and_do_not_mix_it_up(table, data):
    kinds = data.draw(st.lists(st.sampled_from(list(AGGREGATES)), min_size=2, max_size=6))
    drawn = [data.draw(windows_of(kind, name=st.just(f"w{i}"), by=st.just("card"))) for i, kind in enumerate(kinds)]
    assert_as_defined(drawn, table)


def spread(entities, rows, years, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "time": np.sort(rng.integers(-years, years, rows) * 182 * DAY_US + rng.integers(0, DAY_US, rows)),
        "card": rng.permutation(np.arange(rows) % entities),
        "amount": rng.integers(0, 9_999, rows) / 100,
        "fraud": rng.integers(0, 2, rows),
    }


@pytest.mark.parametrize(
    ("entities", "years"),
    [(400, 4_000), (40, 40_000), (40, 140_000)],
    ids=["centuries_and_hundreds_of_cards", "three_cards_fill_the_key", "one_card_fills_the_key"],
)
def test_the_key_of_entity_and_time_never_overflows(entities, years):
    table = spread(entities, entities + 200, years)
    assert 2**62 // int(table["time"][-1] - table["time"][0]) < entities  # one block can't hold them all
    of = {"mean": "amount", "rate": "fraud", "distinct": "fraud", "run_days": "fraud"}
    kinds = ["count", "since", *of]
    assert_as_defined([Window(k, k, by="card", of=of.get(k), days=(5_000,), delay_days=0.5) for k in kinds], table)


def test_a_span_that_not_even_one_entity_fits_still_ends():
    time = np.array([-(2**61), 0, 2**61], np.int64)
    blocks = list(itertools.islice(batch._blocks(np.array([1, 2, 3]), time, DAY_US), 10))
    assert sorted(row for rows, *_ in blocks for row in rows) == [0, 1, 2]


@pytest.mark.parametrize("first", [0, 2**40], ids=["small_numbers", "large_numbers"])
def test_an_entity_with_one_record_sees_only_itself(first):
    table = spread(50, 50, 1) | {"card": np.arange(first, first + 50)}
    declared = [Window("n", "count", by="card"), Window("sum", "sum", by="card", of="amount")]
    found = evaluated(declared, table)
    assert (found["n_1d"] == 1).all()
    np.testing.assert_array_equal(found["sum_1d"], table["amount"])


def test_a_window_over_nothing_has_no_mean_but_a_rate_of_zero():
    table = spread(50, 50, 1)
    of = {"mean": "amount", "rate": "fraud"}
    found = evaluated([Window(k, k, by="card", of=of[k], days=(1,), delay_days=1) for k in of], table)
    assert np.isnan(found["mean_1d"]).all()
    assert (found["rate_1d"] == 0).all()


def test_of_records_at_the_same_time_the_lower_one_sees_those_above():
    table = {"time": np.zeros(3, np.int64), "card": np.ones(3, np.int64)}
    now, before, late = Window("now", "count", by="card"), Window("b", "count", by="card", current=False), "late"
    found = evaluated([now, before, Window(late, "count", by="card", delay_days=1)], table)
    assert found["now_1d"].tolist() == [1, 2, 3]
    assert found["b_1d"].tolist() == [0, 1, 2]
    assert found["late_1d"].tolist() == [0, 0, 0]


def test_of_records_at_the_same_time_all_see_the_same_old_ones():
    table = {"time": np.array([0, 0, DAY_US, DAY_US]), "card": np.ones(4, np.int64)}
    found = evaluated([Window("late", "count", by="card", days=(1,), delay_days=1)], table)
    assert found["late_1d"].tolist() == [0, 0, 2, 2]
