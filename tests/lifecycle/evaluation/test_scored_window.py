import numpy as np
import pytest

from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.bootstrap import weights_of
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.scored_window import Sample, score_table, scored_window
from tests.helpers_audit import people, scored, window
from tests.helpers_model import params

DECISION = AlertDecision(Calibration("sigmoid", slope=2.0, intercept=-1.0), 0.25, 5.0, 50.0, None, {})


def test_a_score_at_the_threshold_is_an_alert_and_has_its_calibrated_probability():
    table = score_table(scored(3), np.array([0.1, 0.25, 0.9]), people(), DECISION)
    assert table["alert"].tolist() == [0, 1, 1]
    np.testing.assert_allclose(table["probability"], 1 / (1 + np.exp(1 - 2 * table["score"])))
    assert list(table) == ["id", "time", "card", "label", "place", "age", "score", "probability", "alert"]


def test_a_total_counts_each_record_as_often_as_its_entity_is_drawn():
    one = window(scored(200, cards=20))
    copies = np.random.default_rng(0).integers(0, 4, one.units)
    weight = weights_of(copies, one.entity)
    assert one.units == len(np.unique(one.entity))

    def column(window):
        return window.score

    assert Sample(one, copies).total(column) == pytest.approx((one.score * weight).sum())
    assert Sample(one).total(column) == one.score.sum()


def test_the_fixed_rule_flags_amounts_above_its_own():
    problem = people(amount="age")
    options = params(evaluate__rule_amount=40.0).evaluate
    one = scored_window(scored(50), problem, DECISION, options, 7)
    assert one.rule.tolist() == (scored(50)["age"] > 40).tolist()
    assert window(scored(50)).rule is None
