"""Counts of two arms: exact against enumeration, and no more chance alarms than alpha."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lifecycle.release.evidence.count_comparison import (
    Arms,
    cluster_tails,
    compare_counts,
    looks,
    score_shift,
    spent,
)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.floats(0.01, 0.99), st.integers(0, 48))
@settings(max_examples=50)
def test_tails_are_those_of_all_ways_in_which_clusters_fall(sizes, share, total):
    total = min(total, sum(sizes))
    more = fewer = 0.0
    for falls in product((0, 1), repeat=len(sizes)):
        chance = np.prod([share if fall else 1 - share for fall in falls])
        events = np.dot(falls, sizes)
        more, fewer = more + chance * (events >= total), fewer + chance * (events <= total)
    assert cluster_tails(np.array(sizes), total, share) == pytest.approx((more, fewer), abs=1e-12)


@pytest.mark.parametrize(("events", "total", "share"), [(40, 12, 0.05), (2000, 160, 0.05), (7, 7, 0.25)])
def test_without_clusters_it_is_the_binomial_test(events, total, share):
    more, fewer = cluster_tails(np.ones(events, int), total, share)
    expected = binom.sf(total - 1, events, share), binom.cdf(total, events, share)
    assert (more, fewer) == pytest.approx(expected, rel=1e-6, abs=1e-11)


def test_no_events_are_no_evidence():
    counts = compare_counts(np.zeros(100, bool), Arms(np.arange(100) < 5, np.arange(100)))
    assert (counts.challenger, counts.champion, counts.more, counts.fewer) == (0, 0, 1.0, 1.0)


def test_ten_errors_of_one_entity_are_chance_and_of_ten_entities_are_not():
    challenger = np.arange(2000) < 100
    unit = np.arange(2000)
    events = np.arange(2000) < 10
    assert compare_counts(events, Arms(challenger, unit)).more < 1e-9
    of_one = np.where(events, 0, unit)
    assert compare_counts(events, Arms(challenger, of_one)).more > 0.04


def test_what_the_ratio_allows_is_no_alarm():
    rng = np.random.default_rng(2)
    challenger = rng.random(60_000) < 0.25
    events = rng.random(60_000) < np.where(challenger, 0.03, 0.02)  # half as many again
    arms = Arms(challenger, np.arange(60_000))
    assert compare_counts(events, arms).either < 1e-6
    assert compare_counts(events, arms, ratio=2.0).either > 0.5
    few = rng.random(60_000) < np.where(challenger, 0.005, 0.02)
    found = compare_counts(few, arms, ratio=2.0)
    assert found.fewer < 1e-6
    assert found.more > 0.5


@pytest.mark.parametrize("size", [50, 300, pytest.param(2000, marks=pytest.mark.nightly)])
def test_null_canaries_alarm_no_oftener_than_alpha(size):
    """Errors, alerts and scores of entities that send and fail in clusters, in 200 canaries without a difference."""
    rng, alarms, alpha = np.random.default_rng(size), np.zeros(3), 0.05
    for _ in range(200):
        entities, requests = 3 * size, 10 * size
        weight = rng.lognormal(0, 1, entities)
        unit = rng.choice(entities, requests, p=weight / weight.sum())
        arms = Arms((rng.random(entities) < 0.1)[unit], unit)
        failed = rng.random(requests) < np.minimum(rng.gamma(0.3, 0.1, entities), 1)[unit]
        alarms[0] += compare_counts(failed, arms).more < alpha
        alarms[1] += compare_counts(failed, arms).either < alpha
        alarms[2] += score_shift(rng.random(entities)[unit] + 0.1 * rng.random(requests), arms)[1] < alpha
    assert (alarms / 200 <= alpha + 0.047).all(), alarms  # three standard errors


def test_an_entity_has_one_score_and_a_moved_distribution_is_seen():
    rng = np.random.default_rng(0)
    arms = Arms(np.arange(2000) % 4 == 0, np.arange(2000))
    score = rng.random(2000)
    assert score_shift(score, arms)[1] > 0.01
    distance, chance = score_shift(np.where(arms.challenger, score**2, score), arms)
    assert distance > 0.15
    assert chance < 1e-6
    of_one = Arms(arms.challenger, np.where(arms.challenger, 1, arms.unit + 2))  # all by one entity: nothing is known
    assert score_shift(np.where(arms.challenger, 0.99, score), of_one)[1] > 0.01


def test_an_arm_without_a_valid_score_has_no_distance():
    distance, chance = score_shift(np.array([0.1, np.nan, 0.3]), Arms(np.array([False, True, False]), np.arange(3)))
    assert np.isnan(distance)
    assert chance == 1.0


@given(st.integers(1, 10**6), st.integers(1, 5000))
def test_looks_come_at_doubled_counts_and_never_spend_more_than_alpha(requests, least):
    number, counted = looks(requests, least)
    assert counted <= requests
    assert requests < max(2 * counted, least)
    assert sum(spent(0.01, look) for look in range(1, number + 1)) <= 0.01
