from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, write_json
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.probability_calibration import Calibration
from tests.helpers_model import ROOT, params, payments

DECISION = AlertDecision(Calibration("sigmoid", slope=2.0, intercept=-1.0), 0.25, 5.0, "amount", None, {"none": 0.1})


def test_a_missed_fraud_costs_its_amount_or_a_fixed_number():
    records = payments().iloc[:5]
    assert DECISION.stake(records, "amount").tolist() == records["amount"].tolist()
    assert replace(DECISION, cost_false_negative=30).stake(records, None).tolist() == [30.0] * 5


def test_the_amount_as_cost_is_refused_where_there_is_none():
    with pytest.raises(PipelineError, match=r"decide\.cost_false_negative = 'amount'.*no amount column; give a number"):
        DECISION.stake(pd.DataFrame({"x": [1]}), None)


def test_a_right_decision_costs_nothing_a_false_alert_a_review_and_a_missed_positive_what_it_is_worth():
    target, alert, missing = (
        np.array([1, 1, 0, 0]),
        np.array([True, False, True, False]),
        np.array([7.0, 8.0, 9.0, 9.0]),
    )
    assert DECISION.cost(target, alert, missing).tolist() == [0, 8, 5, 0]
    assert DECISION.cost(target, False, missing).tolist() == [7, 8, 0, 0]


def test_costs_that_nobody_set_are_asked_for():
    with pytest.raises(PipelineError, match="decide: set cost_false_positive and cost_false_negative"):
        AlertDecision.from_params(params(decide__cost_false_positive=None).decide, Calibration("none"), {})


@pytest.mark.parametrize("content", [DECISION.as_json(), read_json(ROOT / "models/decision.json")])
def test_a_decision_read_back_is_written_as_the_same_bytes(tmp_path, content):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    write_json(content, first)
    write_json(decision_of("binary", read_json(first)).as_json(), second)
    assert first.read_bytes() == second.read_bytes()


def test_a_score_at_the_threshold_is_an_alert_and_has_its_calibrated_probability():
    score = np.array([0.1, 0.25, 0.9])
    probability, alert = DECISION.apply(score)
    assert alert.tolist() == [False, True, True]
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(1 - 2 * score)))
