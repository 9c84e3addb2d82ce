import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, log_loss, r2_score

from lifecycle.core.headline_metric import HEADLINES
from lifecycle.evaluation.comparison import Chance
from lifecycle.search.tuning import difference, verdict
from problems.transactions import PROBLEM
from tests.helpers_search import OF_KIND

CHANCE = Chance({}, samples=60, seed=5)


def records(rows=600, cards=60, seed=0):
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < 0.2).astype(np.int8)
    roles = {PROBLEM.key: np.arange(rows), PROBLEM.entity: rng.integers(0, cards, rows), PROBLEM.target: target}
    judged = pd.DataFrame(roles | {"fold": np.repeat([1, 2, 3], rows // 3)})
    return judged, np.stack([target + rng.normal(0, noise, rows) for noise in (1.5, 0.7)])


def by_hand(judged, score, weight=None):
    weight = np.ones(len(judged)) if weight is None else weight
    parts = [(judged["fold"] == fold).to_numpy() for fold in (1, 2, 3)]
    target = judged[PROBLEM.target].to_numpy()
    return np.mean([average_precision_score(target[at], score[at], sample_weight=weight[at]) for at in parts])


def test_the_difference_is_that_of_the_mean_over_folds():
    judged, scores = records()
    found = difference(judged, scores, PROBLEM, CHANCE)
    assert (found.base, found.other) == pytest.approx((by_hand(judged, scores[0]), by_hand(judged, scores[1])))
    assert 0 < found.low < found.value < found.high


def test_a_card_is_drawn_with_its_records_of_all_folds_and_for_both_trials():
    judged, scores = records()
    rng, draws = np.random.default_rng(CHANCE.seed), []
    card = pd.factorize(judged[PROBLEM.entity])[0]
    for _ in range(CHANCE.samples):
        weight = np.bincount(rng.integers(0, card.max() + 1, card.max() + 1), minlength=card.max() + 1)[card]
        draws.append(by_hand(judged, scores[1], weight) - by_hand(judged, scores[0], weight))
    found = difference(judged, scores, PROBLEM, CHANCE)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])))


def test_equal_scores_differ_by_nothing_in_any_resample():
    judged, scores = records()
    found = difference(judged, scores[[0, 0]], PROBLEM, CHANCE)
    assert (found.value, found.low, found.high, found.positive) == (0, 0, 0, 0)


def test_without_cards_records_are_drawn():
    judged, scores = records()
    alone = difference(judged, scores, dataclasses.replace(PROBLEM, entity=None), CHANCE)
    each = difference(judged.assign(**{PROBLEM.entity: range(len(judged))}), scores, PROBLEM, CHANCE)
    assert alone == each


@pytest.mark.parametrize(("kind", "by_hand"), [("multiclass", log_loss), ("regression", r2_score)])
def test_other_kinds_differ_by_their_own_figure_and_less_of_a_loss_is_better(kind, by_hand):
    problem, rng = OF_KIND[kind], np.random.default_rng(3)
    target = rng.integers(0, 3, 300)
    judged = pd.DataFrame({problem.key: range(300), problem.target: target, "fold": np.repeat([1, 2, 3], 100)})
    close = np.eye(3)[target] + rng.random((300, 3)) if kind == "multiclass" else target + rng.normal(0, 0.3, 300)
    far = rng.random((300, 3)) if kind == "multiclass" else target + rng.normal(0, 0.9, 300)
    scores = [score / score.sum(axis=1, keepdims=True) if score.ndim == 2 else score for score in (far, close)]
    found = difference(judged, np.stack(scores), problem, CHANCE)
    folds = [np.arange(300)[fold : fold + 100] for fold in (0, 100, 200)]
    means = [np.mean([by_hand(target[rows], score[rows]) for rows in folds]) for score in scores]
    assert (found.base, found.other) == pytest.approx(tuple(means))
    headline = HEADLINES[kind]
    assert found.value * headline.direction > 0
    words = verdict(found, headline)
    assert words.startswith(f"better than the present values: {found.value:+.4f} of {headline.name}, 95 % interval")
    assert "better in 100.0% of the resamples" in words
    back = difference(judged, np.stack(scores[::-1]), problem, CHANCE)
    assert verdict(back, headline).startswith("not shown to be better than the present values")
    assert "better in 0.0% of the resamples" in verdict(back, headline)
