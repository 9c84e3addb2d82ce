import numpy as np

from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_audit import people, scored, window
from tests.helpers_model import params

DECISION = AlertDecision(Calibration("sigmoid", slope=2.0, intercept=-1.0), 0.25, 5.0, 50.0, None, {})


def test_a_score_at_the_threshold_is_an_alert_and_has_its_calibrated_probability():
    table = task_of(people()).score_table(scored(3), np.array([0.1, 0.25, 0.9]), DECISION)
    assert table["alert"].tolist() == [0, 1, 1]
    np.testing.assert_allclose(table["probability"], 1 / (1 + np.exp(1 - 2 * table["score"])))
    assert list(table) == ["id", "time", "card", "label", "place", "age", "score", "probability", "alert"]


def test_the_fixed_rule_flags_amounts_above_its_own():
    options = params(evaluate__rule_amount=40.0).evaluate
    one = task_of(people(amount="age")).window(scored(50), DECISION, options, 7.0)
    assert one.rule.tolist() == (scored(50)["age"] > 40).tolist()
    assert window(scored(50)).rule is None
