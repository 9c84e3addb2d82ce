import numpy as np
import pytest

from lifecycle.evaluation.bootstrap import interval, intervals, resamples, units_of, weights_of


def test_every_resample_has_as_many_cards_as_there_are_and_the_seed_decides_which():
    first, again, other = (np.array(list(resamples(50, 20, seed))) for seed in (1, 1, 2))
    assert (first.sum(axis=1) == 50).all()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_card_stands_in_a_resample_as_often_as_a_binomial_says():
    drawn = np.array(list(resamples(40, 2_000, 0)))
    assert drawn.mean() == 1
    assert drawn.var() == pytest.approx(1 - 1 / 40, rel=0.03)


def test_records_weigh_what_their_card_does():
    assert weights_of(np.array([2, 0]), np.array([1, 0, 0])).tolist() == [0, 2, 2]
    assert weights_of(np.array([2, 0]), None).tolist() == [2, 0]
    assert (units_of(np.array([1, 0, 0]), 3), units_of(None, 3)) == (2, 3)


def test_an_interval_holds_the_middle_95_of_100_draws_and_skips_what_is_undefined():
    draws = np.column_stack([np.arange(1001.0), np.full(1001, np.nan), np.where(np.arange(1001) % 2, np.nan, 7.0)])
    np.testing.assert_allclose(interval(draws), [[25, np.nan, 7], [975, np.nan, 7]])


def test_a_generator_goes_on_where_it_stands():
    rng = np.random.default_rng(5)
    first, second = (next(resamples(50, 1, rng)).tolist() for _ in range(2))
    assert first == next(resamples(50, 1, 5)).tolist()
    assert second != first


def test_a_figure_that_no_resample_has_is_left_out():
    ends = intervals(lambda copies: {"mean": copies.mean(), "none": np.nan}, 5, 10, seed=0)
    assert ends == {"mean": [1, 1]}
