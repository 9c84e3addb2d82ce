"""Every family on every kind of target gives what its own library gives."""

import importlib
import io

import joblib
import numpy as np
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.models.families import FAMILIES, build, family_of
from lifecycle.models.prediction import predict, staged_predict
from lifecycle.models.training import fit
from tests.helpers_bundle import SIZES, fitted, of_task
from tests.helpers_model import EVERY, learnable_of


def library_s_own(model, task, pipeline, rows):
    """Fit a fresh estimator of the library on the columns, and let it predict."""
    features, target = learnable_of(task, 600)
    module, name = FAMILIES[model].estimator(task).rsplit(".", 1)
    kind = getattr(importlib.import_module(module), name)
    known = set(kind().get_params())
    chosen = {name: value for name, value in pipeline[-1].get_params().items() if name in known}
    columns = pipeline[:-1].__sklearn_clone__().fit_transform(features, target.astype(float))
    own = kind(**chosen).fit(columns, target)
    columns = pipeline[:-1].transform(rows)
    if task == "regression":
        return own.predict(columns)
    probabilities = own.predict_proba(columns)
    return probabilities[:, 1] if task == "binary" else probabilities


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_a_prediction_is_the_library_s_own(model, task):
    rows = learnable_of(task, seed=1)[0]
    pipeline = of_task(model, task)
    found, own = predict(pipeline, rows), library_s_own(model, task, pipeline, rows)
    assert found.dtype == np.float64
    assert found.shape == ((300, 4) if task == "multiclass" else (300,))
    largest = np.abs(own).max()
    tolerance = 0 if FAMILIES[model].exact else 2e-7 * largest if task == "regression" else 6e-9
    np.testing.assert_allclose(found, own, rtol=0, atol=1e-6 if model == "xgboost" else max(tolerance, 1e-15))


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_a_prediction_tells_the_targets_apart(model, task):
    rows, target = learnable_of(task, seed=1)
    found = predict(of_task(model, task), rows)
    if task == "multiclass":
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=3e-8)
        assert (found.argmax(axis=1) == target).mean() > 0.6
    else:
        assert np.corrcoef(found, target)[0, 1] > 0.5


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_the_learning_curve_ends_with_the_whole_model(model, task):
    rows, pipeline = learnable_of(task, 50, seed=1)[0], of_task(model, task)
    *_, (_, last) = staged_predict(pipeline, rows, points=4)
    np.testing.assert_array_equal(last, predict(pipeline, rows))


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_rows_and_seed_make_the_bytes_and_they_are_read_as_the_same_family(model, task):
    first, second = (io.BytesIO(), io.BytesIO())
    joblib.dump(of_task(model, task), first)
    joblib.dump(of_task.__wrapped__(model, task), second)
    assert first.getvalue() == second.getvalue()
    first.seek(0)
    assert family_of(joblib.load(first)) is FAMILIES[model]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting"])
def test_a_point_of_the_learning_curve_is_a_smaller_model(model, task):
    features, target = learnable_of(task)
    points = dict(staged_predict(fitted(model, features, target, task), features, points=6))
    small = fitted(model, features, target, task, **{SIZES[model]: 6})
    np.testing.assert_allclose(points[6], predict(small, features), rtol=1e-12, atol=1e-8)


@pytest.mark.parametrize(
    ("model", "task", "others"),
    [
        ("ridge", "binary", "logistic_regression, decision_tree"),
        ("ridge", "multiclass", "logistic_regression, decision_tree"),
        ("logistic_regression", "regression", "ridge, decision_tree"),
    ],
)
def test_a_family_without_an_estimator_for_the_task_is_refused_with_those_that_have_one(model, task, others):
    with pytest.raises(PipelineError, match=rf"train\.model = '{model}': not for a {task} task; .*{others}"):
        build(model, task, 0, {}, learnable_of(task)[0])


def test_a_small_number_keeps_its_digits_in_a_linear_model():
    features, target = learnable_of("regression")
    pipeline = fit(build("ridge", "regression", 0, {}, features), features, target * 1e-12)
    assert np.corrcoef(predict(pipeline, features), target)[0, 1] > 0.9
