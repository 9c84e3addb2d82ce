import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from lifecycle.evaluation.comparison import Chance
from lifecycle.search.tuning import difference
from problems.transactions import PROBLEM

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
