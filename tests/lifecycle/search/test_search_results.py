import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, log_loss, r2_score

from lifecycle.core.headline_metric import HEADLINES
from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.evaluation.comparison import Chance
from lifecycle.models.families import FAMILIES
from lifecycle.search.search_results import Found, better_params, changes, difference, offer, overview, verdict
from lifecycle.search.trials import Search
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


def train_params(model, **hyperparameters):
    return TrainParams(model=model, seed=1, exclude_features=["gaps"], **hyperparameters)


PRESENT = train_params("extra_trees", n_estimators=60, max_depth=14, max_features=1)


def search_in(train, present):
    space = FAMILIES[train.model].space
    tune = TuneParams(models=[], trials=4, minutes=1.0, batch=2, seed=0, space=space)
    return Search(train, tune, OF_KIND["binary"], present, [], Path())


def found(train, present, values):
    trial = SimpleNamespace(number=7, user_attrs={"values": values, "figures": [0.5, 0.75]})
    return Found(search_in(train, present), trial, np.zeros(1))


def test_of_the_same_family_only_what_differs_is_offered():
    present = {"n_estimators": 60, "max_depth": 14, "min_samples_leaf": 1}
    best = found(PRESENT, present, present | {"max_depth": None, "min_samples_leaf": 3})
    assert str(best) == "0.6250 (extra_trees, trial 7)"
    values, removed = changes(PRESENT, better_params(PRESENT, best))
    assert (values, removed) == ({"max_depth": None, "min_samples_leaf": 3}, [])
    assert offer(PRESENT, values, removed) == (
        "try it on the test window:\n\ndvc exp run -S train.max_depth=null -S +train.min_samples_leaf=3\n\n"
        "or take it into params.yaml:\n\ntrain:\n  max_depth: null\n  min_samples_leaf: 3"
    )


def test_of_another_family_all_values_are_offered_and_what_it_does_not_have_goes():
    defaults = {"n_estimators": 100, "max_depth": None, "min_samples_leaf": 1, "max_features": "sqrt"}
    best = found(train_params("random_forest", **defaults), defaults, defaults | {"max_features": 1.0})
    values, removed = changes(PRESENT, better_params(PRESENT, best))
    assert removed == []
    one_is_not_all = {"min_samples_leaf": 1, "max_features": 1.0}  # as an integer, 1 is one feature
    assert values == {"model": "random_forest", "n_estimators": 100, "max_depth": None} | one_is_not_all


def test_what_the_other_family_does_not_have_is_removed():
    best = found(train_params("logistic_regression", C=1.0), {"C": 1.0}, {"C": 0.001})
    text = offer(PRESENT, *changes(PRESENT, better_params(PRESENT, best)))
    assert "dvc exp run -S train.model=logistic_regression -S +train.C=0.001 -S '~train.n_estimators' -S" in text
    assert "params.yaml and remove n_estimators, max_depth, max_features there:\n\ntrain:\n  model: logistic" in text
    assert "exclude_features" not in text


def test_the_overview_has_ten_trials_and_the_best_of_each_family():
    searches = [search_in(train_params(model), {}) for model in ("extra_trees", "logistic_regression", "decision_tree")]
    common = {name: "" for search in searches for name in search.tune.space} | {"why": ""}
    figures, last = [0.9 - number / 100 for number in range(12)], {"state": "stopped early", "average_precision": 0.1}
    rows = [
        {"trial": number, "model": "extra_trees", "state": "finished", "average_precision": figure, "max_features": "1"}
        for number, figure in enumerate(figures)
    ]
    rows.append({"trial": 0, "model": "logistic_regression", "state": "refused", "C": "1.0", "why": "too large"})
    rows.append({"trial": 0, "model": "decision_tree"} | last)
    text = overview(pd.DataFrame([common | row for row in rows]), searches, "there.csv")
    assert text.startswith("14 trials, 12 of them to the end; all are in there.csv\n")
    head, *lines = text.splitlines()[1:12]
    assert head.split() == ["trial", "model", "average_precision", "max_features"]
    assert [line.split()[0] for line in lines] == list(map(str, range(10)))
    assert text.endswith(
        "the best of each family:\n  extra_trees: 0.9000 (trial 0 of 12)\n"
        "  logistic_regression: none, too large\n  decision_tree: none, the time was up"
    )
