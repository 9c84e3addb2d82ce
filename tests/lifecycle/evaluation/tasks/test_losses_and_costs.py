"""What a record's prediction has lost and what its decision has cost, for each kind of target."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from lifecycle.core.headline_metric import WATCHED_LEAST
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_kinds import KINDS, decided, problem
from tests.helpers_targets import BY_COST, BY_PROBABILITY, classified, of_classes, window_of


def scored_of(kind):
    task = task_of(problem(kind))
    _, scored, window = decided(task)
    return task, scored, window


def test_the_losses_of_classes_are_the_log_loss_of_their_probabilities():
    for kind in ("binary", "multiclass"):
        task, scored, window = scored_of(kind)
        probability = window.probability.clip(WATCHED_LEAST, 1)
        labels = [0, 1] if kind == "binary" else [0, 1, 2]
        if kind == "multiclass":
            mean = -np.log(probability[np.arange(len(scored)), scored["label"]]).mean()
        else:
            mean = log_loss(scored["label"], window.probability.clip(WATCHED_LEAST, 1 - WATCHED_LEAST), labels=labels)
        assert task.losses(scored).mean() == pytest.approx(mean, rel=1e-3)


def test_the_losses_of_a_number_are_its_absolute_errors():
    task, scored, window = scored_of("regression")
    found = task.losses(scored)
    np.testing.assert_allclose(found, (scored["score"] - scored["label"]).abs())
    assert found.mean() == pytest.approx(task.figures(window)["mae"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "Float64", "object"])
def test_a_record_without_a_label_has_no_loss_and_the_others_keep_theirs(kind, dtype):
    task, scored, _ = scored_of(kind)
    known = np.arange(len(scored)) % 3 > 0
    label = scored["label"].astype("float64").where(known).astype(dtype)
    found = task.losses(scored.assign(label=label))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(found), ~known)
    np.testing.assert_array_equal(found[known], task.losses(scored)[known])
    nothing = task.losses(scored.assign(label=pd.Series(np.nan, index=scored.index, dtype=dtype)))
    assert np.isnan(nothing).all()
    assert task.losses(scored.iloc[:0]).shape == (0,)


def test_a_single_record_does_not_make_a_day():
    task, scored, _ = scored_of("binary")
    wrong = scored.assign(label=1, probability=0.0)
    assert task.losses(wrong).max() == pytest.approx(-np.log(WATCHED_LEAST))


def test_costs_are_those_of_the_evaluation_summed_over_the_records():
    task, scored, window = scored_of("binary")
    costs, figures = task.costs(window), task.figures(window)
    assert costs["model"].mean() == pytest.approx(figures["cost_per_record"])
    assert costs["model"].shape == costs["no_model"].shape == (len(scored),)
    saved = 1 - costs["model"].sum() / costs["no_model"].sum()
    assert figures["saved_share_vs_no_model"] == pytest.approx(saved)
    assert costs["no_model"].sum() == pytest.approx(9.0 * (scored["label"] == 1).sum())


def test_classes_cost_by_their_matrix_and_nothing_without_one():
    task = task_of(of_classes())
    window = window_of(classified(decision=BY_COST), of_classes(), BY_COST)
    assert task.costs(window)["model"].mean() == pytest.approx(task.figures(window)["cost_per_record"])
    assert task.costs(window_of(classified(), of_classes(), BY_PROBABILITY)) == {}


def test_a_number_has_no_costs():
    task, _, window = scored_of("regression")
    assert task.costs(window) == {}
