import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features import windows
from lifecycle.features.vocabulary import Window
from lifecycle.features.windows import DAY_US, as_units, evaluate_windows
from tests.helpers_model import quick

DECIMALS = {"amount": 2, "fraud": 0}
QUARTER = DAY_US // 4
SHAPES = [("count", None), ("sum", "amount"), ("mean", "amount"), ("rate", "fraud")]

# Quarter days, and a microsecond to either side: most records stand on, or just beside, the edge of another's window.
record = st.tuples(st.integers(0, 12), st.integers(-1, 1), st.integers(0, 3), st.integers(0, 90_000), st.integers(0, 1))
records = st.lists(record, max_size=40).map(
    lambda rows: pd.DataFrame(
        {
            "time": np.array([quarter * QUARTER + beside for quarter, beside, *_ in rows], np.int64),
            "card": np.array([row[2] for row in rows], np.int64),
            "amount": np.array([row[3] / 100 for row in rows], np.float64),
            "fraud": np.array([row[4] for row in rows], np.int8),
        }
    ).sort_values("time", kind="stable", ignore_index=True)
)


def list_of_windows(delay, days=(0.25, 1, 1.5)):
    return [Window(kind, kind, by="card", of=of, days=days, delay_days=delay) for kind, of in SHAPES]


def brute_force(window, days, frame):
    """Look at every other record of the entity, for each record."""
    result = np.zeros(len(frame))
    for rows in frame.groupby("card").indices.values():
        time = frame["time"].to_numpy()[rows]
        newest = time[:, None] - int(window.delay_days * DAY_US)
        covered = (time <= newest) & (time > newest - int(days * DAY_US))
        count = covered.sum(axis=1)
        total = count if window.of is None else np.where(covered, frame[window.of].to_numpy()[rows], 0).sum(axis=1)
        if window.aggregate in ("mean", "rate"):
            total = np.where(count, total / np.maximum(count, 1), np.nan if window.aggregate == "mean" else 0)
        result[rows] = total
    return result


def assert_as_by_brute_force(declared, frame, decimals=DECIMALS):
    found = evaluate_windows(declared, frame, frame["time"].to_numpy(), decimals)
    for window in declared:
        for name, days in zip(window.names, window.days, strict=True):
            np.testing.assert_allclose(found[name], brute_force(window, days, frame), rtol=1e-12, err_msg=name)


@given(records, st.sampled_from([0, 0.25, 1, 2.5]), st.sampled_from([1, 3, windows.BLOCK_ROWS]))
@quick
def test_windows_cover_what_they_promise(frame, delay, block_rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_ROWS", block_rows)
        assert_as_by_brute_force(list_of_windows(delay), frame)


@given(records, st.sampled_from([0, 1]))
@quick
def test_text_entities_give_the_same_as_numbers(frame, delay):
    text = frame.assign(card=frame["card"].map("card {}".format))
    for one, other in zip(*(_values(list_of_windows(delay), f) for f in (frame, text)), strict=True):
        np.testing.assert_array_equal(one, other)


def _values(declared, frame):
    return evaluate_windows(declared, frame, frame["time"].to_numpy(), DECIMALS).values()


def spread(entities, rows, years, seed=0):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(-years, years, rows) * 182 * DAY_US + rng.integers(0, DAY_US, rows))
    card = rng.permutation(np.arange(rows) % entities)
    return pd.DataFrame(
        {"time": time, "card": card, "amount": rng.integers(0, 9_999, rows) / 100, "fraud": rng.integers(0, 2, rows)}
    )


@pytest.mark.parametrize(
    ("entities", "years"),
    [(4_000, 40), (40, 40_000), (40, 140_000)],
    ids=["decades_and_thousands_of_cards", "three_cards_fill_the_key", "one_card_fills_the_key"],
)
def test_the_key_of_entity_and_time_never_overflows(entities, years):
    frame = spread(entities, entities + 1_000, years)
    assert 2**62 // int(frame["time"].iloc[-1] - frame["time"].iloc[0]) < entities  # one block can't hold them all
    assert_as_by_brute_force(list_of_windows(0.5, days=(5_000,)), frame)


def test_a_span_that_not_even_one_entity_fits_still_ends():
    time = np.array([-(2**61), 0, 2**61], np.int64)
    blocks = list(itertools.islice(windows._blocks(np.array([1, 2, 3]), time, DAY_US), 10))
    assert sorted(row for rows, _ in blocks for row in rows) == [0, 1, 2]


@pytest.mark.parametrize("first", [0, 2**40], ids=["small_numbers", "large_numbers"])
def test_an_entity_with_one_record_sees_only_itself(first):
    frame = spread(50, 50, 1).assign(card=np.arange(first, first + 50))
    found = evaluate_windows(list_of_windows(0), frame, frame["time"].to_numpy(), DECIMALS)
    assert (found["count_1d"] == 1).all()
    np.testing.assert_array_equal(found["sum_1d"], frame["amount"])


def test_a_window_over_nothing_has_no_mean_but_a_rate_of_zero():
    frame = spread(50, 50, 1)
    found = evaluate_windows(list_of_windows(1), frame, frame["time"].to_numpy(), DECIMALS)
    assert np.isnan(found["mean_1d"]).all()
    assert (found["rate_1d"] == 0).all()


def test_sums_are_exact_where_floating_point_sums_are_not():
    frame = pd.DataFrame({"time": np.arange(10), "card": 1, "amount": [0.1] * 10, "fraud": 0})
    assert evaluate_windows(list_of_windows(0), frame, frame["time"].to_numpy(), DECIMALS)["sum_1d"][-1] == 1.0
    assert as_units(np.array([1.005, 0.29]), 100).tolist() == [100, 29]
