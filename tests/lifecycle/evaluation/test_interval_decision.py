import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.interval_decision import IntervalDecision, conformal_half_width, least_records
from tests.helpers_model import quick

COVERAGES = (0.8, 0.9, 0.95)


def made(rng, kind, shape):
    """Return residuals: bell-shaped, or with a long tail on one side."""
    return rng.normal(size=shape) if kind == "normal" else rng.lognormal(0, 1.5, shape) - 1


@pytest.mark.parametrize("coverage", COVERAGES)
@pytest.mark.parametrize("known", [19, 60, 200])
@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_a_new_truth_lies_inside_as_often_as_was_asked(coverage, known, kind):
    samples, rng = 4_000, np.random.default_rng(known)
    residuals, new = made(rng, kind, (samples, known)), made(rng, kind, samples)
    inside = [abs(one) <= conformal_half_width(row, coverage) for one, row in zip(new, residuals, strict=True)]
    exact = np.ceil((known + 1) * coverage - 1e-9) / (known + 1)  # of exchangeable numbers without ties
    assert exact >= coverage
    assert np.mean(inside) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / samples))


@given(st.lists(st.floats(-1e6, 1e6), min_size=19, max_size=200), st.sampled_from(COVERAGES))
@quick
def test_no_smaller_half_width_would_hold_enough(residual, coverage):
    residual = np.array(residual)
    half_width = conformal_half_width(residual, coverage)
    needed = (len(residual) + 1) * coverage - 1e-9
    assert (np.abs(residual) <= half_width).sum() >= needed
    assert (np.abs(residual) < half_width).sum() < needed
    assert half_width in np.abs(residual)


@pytest.mark.parametrize(("coverage", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_it_takes_so_many_records_and_with_them_the_largest_residual_is_the_reach(coverage, least):
    residual = np.arange(1.0, least + 1)
    assert least_records(coverage) == least
    assert conformal_half_width(residual, coverage) == least
    with pytest.raises(PipelineError, match=rf"coverage = {coverage:g}: {least - 1:,} validation .* takes {least:,}"):
        conformal_half_width(residual[:-1], coverage)


def test_the_side_does_not_matter_and_predictions_that_never_miss_need_no_width():
    residual = np.random.default_rng(0).normal(size=50)
    assert conformal_half_width(residual, 0.9) == conformal_half_width(-residual, 0.9)
    assert conformal_half_width(np.zeros(50), 0.9) == 0


def test_an_interval_reaches_to_both_sides_and_the_decision_is_read_back_as_it_was():
    decision = IntervalDecision(0.9, 2.5, None)
    low, high = decision.apply(np.array([-1.0, 4.0]))
    assert (low.tolist(), high.tolist()) == ([-3.5, 1.5], [1.5, 6.5])
    assert decision_of("regression", json.loads(json.dumps(decision.as_json()))) == decision
