"""Exported models of every kind of target give the pipeline's scores, bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.bundle.onnx_export import export
from lifecycle.bundle.parity import rows_on_thresholds
from lifecycle.bundle.servable import Batch, Session
from lifecycle.core.errors import PipelineError
from lifecycle.models.families import FAMILIES
from lifecycle.models.prediction import predict
from lifecycle.models.preprocessing import inputs
from tests.helpers_bundle import fitted, of_task
from tests.helpers_model import EVERY, learnable_of, quick

GAPS = frozenset({"number", "gaps", "shop", "street"})


def assert_served(pipeline, rows, session=None):
    session, (numbers, texts) = session or Session(export(pipeline)), inputs(pipeline[0])
    batch = Batch(rows[numbers].to_numpy(dtype=np.float64), rows[texts].to_numpy(dtype=object) if texts else None)
    found = session.score(batch)
    np.testing.assert_array_equal(found, predict(pipeline, rows), strict=True)
    np.testing.assert_array_equal(session.columns(batch), pipeline[:-1].transform(rows), strict=True)
    return found


def unseen(task, rows=1_000):
    features = learnable_of(task, rows, seed=5)[0]
    features.loc[:200, "number"] = np.nan
    features.loc[100:300, "shop"] = np.resize(np.array(["airport", None, ""], object), 201)
    features.loc[200:400, "street"] = np.resize(np.array(["Allee 🥨", None, "", "street 3"], object), 201)
    return features


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_rows_with_gaps_and_texts_never_seen_have_the_pipeline_s_scores(model, task):
    assert len(np.unique(assert_served(of_task(model, task), unseen(task)))) > (1 if model == "decision_tree" else 10)


@pytest.mark.parametrize(("model", "task"), [pair for pair in EVERY if FAMILIES[pair[0]].trees])
def test_rows_on_and_beside_the_thresholds_have_the_pipeline_s_scores(model, task):
    pipeline = of_task(model, task)
    assert_served(pipeline, rows_on_thresholds(pipeline, unseen(task), GAPS, 5_000, seed=1))


@pytest.mark.nightly
@pytest.mark.parametrize(("model", "task"), EVERY)
def test_a_row_has_one_score_whatever_stands_beside_it(model, task):
    pipeline, rows = of_task(model, task), unseen(task)[::20]
    session = Session(export(pipeline))
    whole = assert_served(pipeline, rows, session)
    for size in (1, 7):
        parts = [assert_served(pipeline, rows[start : start + size], session) for start in range(0, len(rows), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.slow
@quick
@given(
    pair=st.sampled_from([pair for pair in EVERY if pair[1] != "binary"]),
    seed=st.integers(0, 2**32 - 1),
    size=st.floats(-9, 9),
    start=st.sampled_from([0.0, 1.0, -1e6]),
)
def test_whatever_the_size_of_a_number_the_served_one_is_the_pipeline_s(pair, seed, size, start):
    model, task = pair
    features, target = learnable_of(task, 300, seed)
    if task == "regression":
        target = start + target * 10**size
    pipeline = fitted(model, features, target, task)
    session = Session(export(pipeline))
    assert_served(pipeline, learnable_of(task, 300, seed + 1)[0], session)
    assert_served(pipeline, rows_on_thresholds(pipeline, features, GAPS, 300, seed), session)


LONE = {
    "random_forest": {"min_samples_leaf": 10_000},
    "hist_gradient_boosting": {"min_samples_leaf": 10_000},
    "lightgbm": {"min_child_samples": 10_000},
    "xgboost": {"gamma": 1e9},
}


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("model", LONE)
def test_trees_of_a_single_leaf_are_served(model, task):
    assert_served(fitted(model, *learnable_of(task, 600), task, **LONE[model]), unseen(task))


@pytest.mark.parametrize(
    ("model", "hyperparameters"),
    [
        *(("hist_gradient_boosting", {"loss": loss}) for loss in ("absolute_error", "squared_error")),
        ("hist_gradient_boosting", {"loss": "quantile", "quantile": 0.9}),
        *(("lightgbm", {"objective": name}) for name in ("regression_l1", "huber", "fair", "quantile", "mape")),
        *(("xgboost", {"objective": f"reg:{name}"}) for name in ("absoluteerror", "pseudohubererror")),
        ("xgboost", {"num_parallel_tree": 3}),
        ("decision_tree", {"criterion": "absolute_error"}),
    ],
)
def test_other_losses_of_a_number_are_served(model, hyperparameters):
    features, target = learnable_of("regression", 600)
    assert_served(fitted(model, features, target, "regression", **hyperparameters), unseen("regression"))


def test_parallel_trees_of_several_classes_are_served():
    assert_served(
        fitted("xgboost", *learnable_of("multiclass", 600), "multiclass", num_parallel_tree=3), unseen("multiclass")
    )


@pytest.mark.parametrize(
    ("model", "task", "hyperparameters", "refusal"),
    [
        ("hist_gradient_boosting", "regression", {"loss": "poisson"}, "train.loss = 'poisson': the exponential"),
        ("hist_gradient_boosting", "regression", {"loss": "gamma"}, "train.loss = 'gamma': the exponential"),
        ("lightgbm", "regression", {"objective": "poisson"}, "objective regression or regression_l1 or huber"),
        ("lightgbm", "multiclass", {"objective": "multiclassova"}, "objective multiclass num_class:4"),
        ("xgboost", "regression", {"objective": "count:poisson"}, "objective reg:squarederror or"),
        ("xgboost", "regression", {"booster": "dart"}, "booster gbtree"),
    ],
)
def test_what_can_t_be_served_exactly_is_refused_with_the_reason(model, task, hyperparameters, refusal):
    with pytest.raises(PipelineError, match=refusal):
        export(fitted(model, *learnable_of(task, 600), task, **hyperparameters))
