import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.threshold import choose_threshold, cost_curve
from tests.helpers_model import quick, ranked

SEEDS = st.integers(0, 10_000)

TIED = np.array([0.9, 0.9, 0.1])


def rule(false_positive):
    return AlertDecision(Calibration("none"), np.inf, false_positive, "amount", None, {})


def cost_of(target, alert, missed, false_alert):
    """Add up record by record."""
    return sum(false_alert * (not y) if a else m * y for y, a, m in zip(target, alert, missed, strict=True))


def case(seed, rows=60):
    target, probability, _ = ranked(rows, seed, steps=12)
    rng = np.random.default_rng(seed)
    return target, probability, rng.integers(1, 90, rows) / 4, rng.integers(0, 4, rows)


@given(SEEDS, st.sampled_from([0.0, 0.5, 5.0]))
@quick
def test_the_curve_is_the_cost_of_every_threshold(seed, false_alert):
    target, probability, missed, _ = case(seed)
    curve = cost_curve(target, probability, missed, rule(false_alert))
    assert curve.threshold.tolist()[1:] == sorted(set(probability.tolist()), reverse=True)
    for threshold, cost, alerts in zip(*curve, strict=True):
        alert = probability >= threshold
        assert alerts == alert.sum()
        assert cost == pytest.approx(cost_of(target, alert, missed, false_alert))


def test_the_curve_begins_with_never_raising_an_alert():
    target, probability, missed, _ = case(0)
    curve = cost_curve(target, probability, missed, rule(5.0))
    assert not (probability >= curve.threshold[0]).any()
    assert (curve.cost[0], curve.alerts[0]) == (missed[target == 1].sum(), 0)


@given(SEEDS, st.sampled_from([None, 1, 2, 5, 100]))
@quick
def test_the_threshold_is_the_cheapest_within_the_budget_of_every_day(seed, budget):
    target, probability, missed, day = case(seed)
    curve = cost_curve(target, probability, missed, rule(0.5))
    alerts = {t: [(probability[day == d] >= t).sum() for d in range(4)] for t in curve.threshold.tolist()}
    allowed = [t for t in alerts if budget is None or max(alerts[t]) <= budget]
    costs = {t: cost_of(target, probability >= t, missed, 0.5) for t in alerts}
    if len(allowed) == 1 and min(costs.values()) < costs[allowed[0]]:
        with pytest.raises(PipelineError, match=f"allow at least {max(alerts[probability.max()])}"):
            choose_threshold(curve, probability, day, budget)
    else:
        chosen = choose_threshold(curve, probability, day, budget)
        assert chosen in allowed
        assert costs[chosen] == pytest.approx(min(costs[t] for t in allowed))


def test_of_equally_cheap_thresholds_the_one_with_the_fewest_alerts_is_taken():
    target, probability = np.array([1, 0, 0]), np.array([0.9, 0.5, 0.1])
    curve = cost_curve(target, probability, np.full(3, 8.0), rule(0.0))
    assert choose_threshold(curve, probability, np.zeros(3), budget=None) == 0.9


def test_a_budget_that_the_highest_score_alone_breaks_is_refused_with_the_least_that_can_be_kept():
    curve = cost_curve(np.ones(3, int), TIED, np.full(3, 8.0), rule(1.0))
    with pytest.raises(PipelineError, match=r"alert_budget_per_day = 1: .*; allow at least 2$"):
        choose_threshold(curve, TIED, np.zeros(3), budget=1)
    assert (choose_threshold(curve, TIED, np.zeros(3), budget=2) <= TIED).sum() == 2


def test_where_no_alert_would_pay_a_tie_beyond_the_budget_is_no_trouble():
    curve = cost_curve(np.zeros(3, int), TIED, np.full(3, 8.0), rule(1.0))
    assert not (choose_threshold(curve, TIED, np.zeros(3), budget=1) <= TIED).any()


def test_a_threshold_above_every_probability_raises_no_alert_even_at_one():
    curve = cost_curve(np.array([0, 0]), np.array([1.0, 1.0]), np.ones(2), rule(1.0))
    assert choose_threshold(curve, np.ones(2), np.zeros(2), None) > 1
