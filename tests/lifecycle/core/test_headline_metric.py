import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from lifecycle.core.headline_metric import HEADLINES, log_losses, quality, training_figures
from lifecycle.core.portable_math import softmax
from tests.helpers_model import quick, ranked

SEEDS = st.integers(0, 10_000)


def of_classes(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    return np.append(rng.integers(0, 3, rows - 3), [0, 1, 2]), softmax(2 * rng.normal(size=(rows, 3)))


def of_numbers(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    target = 1e4 + rng.normal(size=rows)
    return target, target + rng.normal(size=rows)


def weights(rows, seed, weighted):
    """Return whole numbers, some of them 0, but every class keeps its last three rows."""
    return (
        np.append(np.random.default_rng(seed).integers(0, 4, rows - 3), [1, 1, 1]).astype(float) if weighted else None
    )


@given(SEEDS, st.booleans())
@quick
def test_the_headline_figures_are_those_of_scikit_learn_for_weighted_rows_too(seed, weighted):
    w = weights(120, seed, weighted)
    target, score, _ = ranked(120, seed)
    assert quality("binary", target, score)(w) == pytest.approx(
        sk.average_precision_score(target, score, sample_weight=w)
    )
    target, probability = of_classes(seed=seed)
    assert quality("multiclass", target, probability)(w) == pytest.approx(
        sk.log_loss(target, probability, sample_weight=w)
    )
    target, predicted = of_numbers(seed=seed)
    assert quality("regression", target, predicted)(w) == pytest.approx(
        sk.r2_score(target, predicted, sample_weight=w), abs=1e-9
    )


@pytest.mark.parametrize(("task", "good"), [("binary", 1), ("multiclass", -1), ("regression", 1)])
def test_a_perfect_prediction_has_the_best_figure_in_the_direction_that_is_said(task, good):
    target = np.array([0, 1, 1, 0] if task == "binary" else [0, 1, 2, 1])
    perfect = np.eye(3)[target] if task == "multiclass" else target.astype(float)
    best, other = (
        quality(task, target, prediction)(None) for prediction in (perfect, np.roll(perfect, 1, axis=0) * 0.9)
    )
    assert HEADLINES[task].direction == good
    assert good * best > good * other
    assert best == (0 if task == "multiclass" else 1)


def test_a_class_that_was_called_impossible_costs_much_but_not_everything():
    target, probability = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert log_losses(target, probability).tolist() == pytest.approx([-np.log(np.finfo(float).eps), 0])
    assert log_losses(target, probability).mean() == pytest.approx(sk.log_loss(target, probability))


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-9, 123456.789, -7.7])
@pytest.mark.parametrize("rows", [3, 1_000])
def test_of_a_target_that_does_not_vary_nothing_is_explained(value, rows):
    explained = quality("regression", np.full(rows, value), np.linspace(0, 1, rows))
    assert np.isnan(explained(None))
    assert np.isnan(explained(np.random.default_rng(0).integers(1, 4, rows).astype(float)))


def test_only_rows_that_a_resample_holds_can_vary():
    assert np.isnan(quality("regression", np.array([0.1, 0.1, 5.0]), np.zeros(3))(np.array([1.0, 2.0, 0.0])))


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_the_explained_share_has_no_unit(unit):
    target, predicted = of_numbers()
    assert quality("regression", target * unit, predicted * unit)(None) == pytest.approx(
        sk.r2_score(target, predicted), abs=1e-9
    )


@pytest.mark.parametrize("task", HEADLINES)
def test_a_resample_without_any_of_the_rows_has_no_figure_and_warns_nobody(task):
    made = {"binary": ranked(120)[:2], "multiclass": of_classes(), "regression": of_numbers()}[task]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(quality(task, *made)(np.zeros(120)))


def test_training_logs_the_headline_and_a_second_figure():
    target, score, _ = ranked()
    assert training_figures("binary", target, score) == pytest.approx(
        {
            "average_precision": sk.average_precision_score(target, score),
            "roc_auc": sk.roc_auc_score(target, score),
        }
    )
    target, probability = of_classes()
    assert training_figures("multiclass", target, probability) == pytest.approx(
        {
            "log_loss": sk.log_loss(target, probability),
            "accuracy": sk.accuracy_score(target, probability.argmax(axis=1)),
        }
    )
    target, predicted = of_numbers()
    assert training_figures("regression", target, predicted) == pytest.approx(
        {"r2": sk.r2_score(target, predicted), "mae": sk.mean_absolute_error(target, predicted)}
    )
