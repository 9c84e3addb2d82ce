"""The statistics of days against computations that share no code with them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.monitoring.detectors.statistics_by_day import (
    SPREADS,
    cusum,
    daily_loss,
    drift_index,
    log_volume,
    share_limit,
    trailing,
)  # fmt: skip
from tests.helpers_model import quick
from tests.lifecycle.monitoring.helpers_streams import counted, stream

COUNTS = st.lists(st.lists(st.integers(0, 300), min_size=3, max_size=3), min_size=1, max_size=12)


def index_of(now, usual):
    """Return the population stability index of counts, to which half a usual record for each bin was added."""
    found = 0.0
    for count, share in zip(now, usual, strict=True):
        e = share / sum(usual)
        a = (count + e * len(now) / 2) / (sum(now) + len(now) / 2)
        found += (max(a, 1e-4) - max(e, 1e-4)) * (math.log(max(a, 1e-4)) - math.log(max(e, 1e-4)))
    return found


@quick
@given(COUNTS, st.integers(1, 9), st.tuples(*[st.floats(0.01, 1)] * 3))
def test_the_drift_index_is_that_of_the_records_of_the_last_days(counts, days, usual):
    index, records = drift_index(np.array(counts), np.array(usual), days)
    for place in range(len(counts)):
        inside = counts[max(place + 1 - days, 0) : place + 1]
        now = [sum(day[code] for day in inside) for code in range(3)]
        assert records[place] == sum(now)
        assert index[place] == pytest.approx(index_of(now, usual), abs=1e-12)


def test_one_odd_record_is_no_drift_and_more_are():
    usual = np.array([0.7, 0.3, 0.0])
    one, _ = drift_index(np.array([[700, 300, 1]]), usual, 7)
    more, _ = drift_index(np.array([[700, 300, 30]]), usual, 7)
    assert one[0] < 3e-3
    assert more[0] > 0.05


def test_without_a_usual_record_any_is_drift():
    index, _ = drift_index(np.array([[50, 50], [0, 0]]), np.zeros(2), 1)
    assert index[0] > 1
    assert index[1] == 0


@quick
@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 12))
def test_trailing_sums_reach_back_so_many_days(values, days):
    expected = [sum(values[max(place + 1 - days, 0) : place + 1]) for place in range(len(values))]
    assert trailing(np.array(values, dtype=np.int64), days).tolist() == expected


@quick
@given(st.lists(st.just(math.nan) | st.floats(-9, 9), max_size=40), st.floats(0.1, 2), st.floats(0.5, 20))
def test_the_cumulative_sum_is_that_of_its_formula(values, allowance, most):
    level, expected = 0.0, []
    for value in values:
        if not math.isnan(value):
            level = min(max(0.0, level + value - allowance), most)
        expected.append(level)
    assert cusum(np.array(values), allowance, most).tolist() == expected
    pair = np.column_stack([values, values[::-1]]) if values else np.zeros((0, 2))
    assert cusum(pair, allowance, most)[:, 0].tolist() == expected


def test_infinite_values_stay_below_the_ceiling():
    assert cusum(np.array([np.inf, 0.0, -np.inf]), 0.5, 3.0).tolist() == [3.0, 2.5, 0.0]


@pytest.mark.parametrize(("records", "bad", "beyond"), [(200, 4, False), (200, 5, True), (3, 3, False), (0, 0, False)])
def test_where_nothing_was_ever_bad_a_few_values_are_no_alarm(records, bad, beyond):
    share = bad / max(records, 1)
    assert (share > share_limit(0.0, np.array([records]))[0]) == beyond


def test_the_limit_of_a_share_leaves_room_for_chance_and_no_more():
    rng = np.random.default_rng(0)
    shares = rng.binomial(500, 0.1, 5000) / 500
    limit = share_limit(0.1, np.array([500]))[0]
    assert limit == pytest.approx(0.1 + SPREADS * math.sqrt(0.1 * 0.9 / 500) + SPREADS / 500)
    assert (shares <= limit).all()
    assert share_limit(0.1, np.array([10**9]))[0] == pytest.approx(0.1, abs=1e-3)


def test_a_day_is_held_against_its_weekday():
    usual = np.array([100.0, 10, 10, 10, 10, 10, 50])
    found = log_volume(np.array([50, 100, 10]), 6, usual)
    assert found.tolist() == pytest.approx([0, 0, 0])
    assert log_volume(np.array([0]), 0, usual)[0] == pytest.approx(math.log(0.5 / 100.5))


def test_the_daily_loss_is_the_mean_of_those_that_are_known():
    given_stream = stream()
    loss = given_stream.loss.copy()
    loss[:200], loss[200:300] = np.nan, np.nan
    mean, known = daily_loss(counted(given_stream._replace(loss=loss)))
    assert np.isnan(mean[0])
    assert known[:3].tolist() == [0, 100, 200]
    assert mean[1] == pytest.approx(loss[300:400].mean())
    assert mean[2] == pytest.approx(loss[400:600].mean())
