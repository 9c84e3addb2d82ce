import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.core.portable_math import softmax
from lifecycle.evaluation.class_decision import ABSTAINS, ClassDecision, calibrated
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.probability_calibration import Calibration, fit
from tests.helpers_model import params, quick

AS_THEY_ARE = [Calibration("none")] * 3
money = st.integers(0, 20).map(float)


def probabilities(rows=50, seed=0):
    return np.round(softmax(np.random.default_rng(seed).normal(size=(rows, 3))), 3)


def decided(probability, costs=None, below=None):
    return ClassDecision(AS_THEY_ARE, costs, below, {}).apply(probability)[1].tolist()


def cheapest(row, costs):
    """Add up what each decision costs, and take the first of the cheapest."""
    expected = [sum(p * costs[truth][choice] for truth, p in enumerate(row)) for choice in range(len(costs[0]))]
    least = min(expected)
    return {choice if choice < 3 else ABSTAINS for choice, cost in enumerate(expected) if cost <= least + 1e-12}


@given(
    st.integers(0, 10_000),
    st.integers(3, 4).flatmap(lambda n: st.lists(st.tuples(*[money] * n), min_size=3, max_size=3)),
)
@quick
def test_what_is_decided_costs_least_on_average(seed, costs):
    probability = probabilities(seed=seed)
    for row, choice in zip(probability, decided(probability, costs), strict=True):
        assert choice in cheapest(row, costs)


def test_of_all_ways_to_decide_the_records_none_costs_less_where_the_probabilities_are_true():
    probability, costs = probabilities(4), ((0, 3, 9, 2), (1, 0, 4, 2), (7, 5, 0, 2))
    matrix = np.array(costs, float)

    def expected(choices):
        return sum((row * matrix[:, choice]).sum() for row, choice in zip(probability, choices, strict=True))

    assert expected(decided(probability, costs)) == pytest.approx(
        min(map(expected, itertools.product(range(4), repeat=4)))
    )


def test_equal_costs_of_errors_take_the_most_probable_class():
    probability = probabilities()
    assert decided(probability, (1 - np.eye(3)).tolist()) == decided(probability) == probability.argmax(axis=1).tolist()


def test_of_equal_ones_the_first_class_is_taken_and_a_class_before_a_person():
    even = np.full((1, 3), 1 / 3)
    assert decided(even) == decided(even, (1 - np.eye(3)).tolist()) == [0]
    assert decided(even, ((1, 1, 1, 1),) * 3) == [0]


@pytest.mark.parametrize(("below", "choice"), [(0.5, 1), (0.51, ABSTAINS), (None, 1)])
def test_a_class_as_probable_as_the_limit_is_decided_a_less_probable_one_is_not(below, choice):
    assert decided(np.array([[0.2, 0.5, 0.3]]), below=below) == [choice]


def test_codes_fit_the_files():
    probability, choice = ClassDecision(AS_THEY_ARE, None, 2.0, {}).apply(probabilities())
    assert (probability.dtype, choice.dtype, set(choice)) == (np.float64, np.int8, {ABSTAINS})


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_are_each_class_s_own_divided_by_their_sum(method):
    score = probabilities(400)
    target = np.array([np.random.default_rng(place).choice(3, p=row / row.sum()) for place, row in enumerate(score)])
    maps = [fit(method, score[:, code], (target == code).astype(int)) for code in range(3)]
    parts = np.stack([one.apply(score[:, code]) for code, one in enumerate(maps)], axis=1)
    np.testing.assert_allclose(calibrated(maps, score), parts / parts.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(calibrated(maps, score).sum(axis=1), 1)


def test_where_no_class_is_left_anything_the_scores_stay():
    nothing = Calibration("isotonic", scores=(0.0, 0.5, 0.6), probabilities=(0.0, 0.0, 1.0))
    score = np.array([[0.4, 0.3, 0.3], [0.8, 0.1, 0.1]])
    assert calibrated([nothing] * 3, score).tolist() == [[0.4, 0.3, 0.3], [1.0, 0.0, 0.0]]


@given(st.lists(st.tuples(*[money] * 4), min_size=3, max_size=3), st.integers(0, 100))
@quick
def test_the_cost_of_a_decision_stands_in_the_row_of_the_truth(costs, seed):
    rng, decision = np.random.default_rng(seed), ClassDecision(AS_THEY_ARE, costs, None, {})
    target, choice = rng.integers(0, 3, 30), rng.integers(-1, 3, 30).astype(np.int8)
    paid = [costs[truth][3 if one == ABSTAINS else one] for truth, one in zip(target, choice, strict=True)]
    assert decision.cost(target, choice).tolist() == paid


def test_what_abstaining_costs_is_not_known_where_no_matrix_says_it():
    decision = ClassDecision(AS_THEY_ARE, (1 - np.eye(3)).tolist(), None, {})
    assert np.isnan(decision.cost(np.array([0, 1]), np.array([ABSTAINS, 1]))).tolist() == [True, False]


def asked(**given):
    options = params(**{f"decide__{key}": value for key, value in given.items()}).decide
    return ClassDecision.from_params(options, AS_THEY_ARE, {"none": 0.5})


@pytest.mark.parametrize(
    ("costs", "why"),
    [
        ([[0.0, 1.0]] * 3, "3 classes need 3 rows of 3 costs each, or of 4"),
        ([[0.0, 1.0, 1.0]] * 4, "3 classes need 3 rows"),
        ([[0.0] * 5] * 3, "3 classes need 3 rows"),
        ([[0.0] * 3, [0.0] * 3, [0.0] * 4], "give the cost of abstaining in every row, or in none"),
    ],
)
def test_a_cost_matrix_that_does_not_fit_is_refused(costs, why):
    with pytest.raises(PipelineError, match=why):
        asked(cost_matrix=costs)


def test_only_one_of_costs_and_limit_may_say_when_to_abstain():
    with pytest.raises(PipelineError, match="leave abstain_below null"):
        asked(cost_matrix=[[0.0] * 4] * 3, abstain_below=0.5)


@pytest.mark.parametrize(
    ("given", "can"),
    [({}, False), ({"abstain_below": 0.5}, True), ({"cost_matrix": [[0.0] * 3] * 3}, False),
     ({"cost_matrix": [[0.0] * 4] * 3}, True)],
)  # fmt: skip
def test_a_decision_knows_whether_it_can_abstain_and_is_read_back_as_it_was(given, can):
    decision = asked(**given)
    assert decision.can_abstain is can
    again = decision_of("multiclass", json.loads(json.dumps(decision.as_json())))
    assert again.as_json() == json.loads(json.dumps(decision.as_json()))
    for one, other in zip(again.apply(probabilities()), decision.apply(probabilities()), strict=True):
        np.testing.assert_array_equal(one, other)
