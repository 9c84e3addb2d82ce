import numpy as np

from lifecycle.evaluation.scored_window import decided
from tests.helpers_audit import people, scored

DECISION = {"calibration": {"method": "sigmoid", "slope": 2.0, "intercept": -1.0}, "threshold": 0.25}


def test_a_score_at_the_threshold_is_an_alert_and_has_its_calibrated_probability():
    found = decided(scored(3), np.array([0.1, 0.25, 0.9]), DECISION, people())
    assert found["alert"].tolist() == [0, 1, 1]
    np.testing.assert_allclose(found["probability"], 1 / (1 + np.exp(1 - 2 * found["score"])))
    assert list(found) == ["id", "time", "card", "label", "place", "age", "score", "probability", "alert"]
