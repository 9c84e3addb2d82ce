"""An exported model gives the pipeline's scores, bit by bit, wherever a row stands."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MinMaxScaler

from lifecycle.bundle import onnx_export
from lifecycle.bundle.onnx_export import export
from lifecycle.bundle.parity import rows_on_thresholds
from lifecycle.bundle.servable import Batch, Session
from lifecycle.core.errors import PipelineError
from lifecycle.models.prediction import predict
from lifecycle.models.preprocessing import inputs
from tests.helpers_bundle import fitted, of_shops
from tests.helpers_model import CLASSIFIERS, learnable, quick

TREES = [model for model in CLASSIFIERS if model != "logistic_regression"]
GAPS = frozenset({"number", "gaps", "shop"})
A_LONE_LEAF = {
    "random_forest": {"min_samples_leaf": 10_000},
    "extra_trees": {"min_samples_leaf": 10_000},
    "decision_tree": {"min_samples_leaf": 10_000},
    "hist_gradient_boosting": {"min_samples_leaf": 10_000},
    "lightgbm": {"min_child_samples": 10_000},
    "xgboost": {"gamma": 1e9},
}


def batch(pipeline, rows):
    numbers, texts = inputs(pipeline[0])
    return Batch(rows[numbers].to_numpy(dtype=np.float64), rows[texts].to_numpy(dtype=object) if texts else None)


def assert_served(pipeline, rows, session=None):
    session = session or Session(export(pipeline))
    found = session.score(batch(pipeline, rows))
    np.testing.assert_array_equal(found, predict(pipeline, rows), strict=True)
    return found


def unseen(rows=1_000):
    features = learnable(rows, seed=5)[0]
    features.loc[:200, "number"] = np.nan
    features.loc[100:300, "shop"] = np.resize(np.array(["airport", None, "garage", "", "Bäckerei 🥨"], object), 201)
    return features


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_rows_with_gaps_and_texts_never_seen_have_the_pipeline_s_scores(model):
    found = assert_served(of_shops(model), unseen())
    assert len(np.unique(found)) > (1 if model == "decision_tree" else 10)


@pytest.mark.parametrize("model", TREES)
def test_rows_on_and_beside_the_thresholds_have_the_pipeline_s_scores(model):
    pipeline = of_shops(model)
    assert_served(pipeline, rows_on_thresholds(pipeline, unseen(), GAPS, 5_000, seed=1))


def test_rows_on_thresholds_tell_a_model_whose_thresholds_are_rounded_to_the_nearest(monkeypatch):
    pipeline = of_shops("random_forest")
    monkeypatch.setattr(onnx_export, "rounded_down", lambda threshold: threshold.astype(np.float32).astype(np.float64))
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_served(pipeline, rows_on_thresholds(pipeline, unseen(), GAPS, 5_000, seed=1))


@pytest.mark.slow
@quick
@given(
    model=st.sampled_from(CLASSIFIERS),
    seed=st.integers(0, 2**32 - 1),
    size=st.floats(-12, 12),
    grid=st.booleans(),
    gaps=st.sampled_from([0.0, 0.2]),
    kinds=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\uffff"), max_size=4), max_size=3
    ),
)
def test_whatever_the_table_the_served_scores_are_the_pipeline_s(model, seed, size, grid, gaps, kinds):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(300, 3)) * 10**size
    values = np.round(values / 10**size) * 10**size if grid else values
    values[rng.random(values.shape) < gaps] = np.nan
    features = pd.DataFrame(values, columns=["a", "b", "c"])
    if kinds:
        features["kind"] = pd.array(rng.choice(np.array(kinds, object), 300), dtype="str")
    target = pd.Series((np.nan_to_num(values[:, 0]) + rng.normal(size=300) * 10**size > 0).astype(int))
    pipeline = fitted(model, features[:200], target[:200])
    session = Session(export(pipeline))
    assert_served(pipeline, features, session)
    assert_served(
        pipeline, rows_on_thresholds(pipeline, features, frozenset("abc" if gaps else ""), 300, seed), session
    )


@pytest.mark.parametrize("model", TREES)
@pytest.mark.parametrize("far", [1e7, 1e12, 3e38])
def test_large_values_have_the_pipeline_s_scores(model, far):
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"a": rng.random(600) * far, "b": far - rng.integers(0, 9, 600)})
    pipeline = fitted(model, features, pd.Series((features["a"] > features["a"].median()).astype(int)))
    assert_served(pipeline, rows_on_thresholds(pipeline, features, frozenset(), 3_000, seed=0))


def test_a_linear_model_of_large_values_is_right_to_the_last_decimal_of_its_score():
    features = pd.DataFrame({"a": np.random.default_rng(0).random(600) * 1e12})
    pipeline = fitted("logistic_regression", features, pd.Series((features["a"] > 5e11).astype(int)))
    assert_served(pipeline, features * 3 - 1e12)


@pytest.mark.parametrize(("model", "hyperparameters"), A_LONE_LEAF.items())
def test_trees_of_a_single_leaf_are_served(model, hyperparameters):
    features, target = learnable(600)
    found = assert_served(fitted(model, features, target, **hyperparameters), unseen())
    assert len(np.unique(found)) == 1 or model in ("random_forest", "extra_trees")


@pytest.mark.parametrize("model", CLASSIFIERS)
@pytest.mark.parametrize("names", [["shop"], ["gaps"], ["gaps", "number"], ["shop", "number"]], ids="+".join)
def test_features_of_one_kind_and_in_any_order(model, names):
    features, target = learnable(600)
    assert_served(fitted(model, features[names], target), unseen()[names])


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_text_that_was_missing_in_training_is_a_category(model):
    features, target = learnable(600)
    features.loc[::7, "shop"] = None
    pipeline = fitted(model, features, target)
    assert_served(pipeline, rows_on_thresholds(pipeline, unseen(), GAPS, 3_000, seed=1))
    row = features.assign(number=0.5, gaps=50.0)[:1]
    assert row["shop"].isna().all()
    columns = Session(export(pipeline)).columns(batch(pipeline, row))
    np.testing.assert_array_equal(columns, pipeline[:-1].transform(row))
    assert columns[0, -4:].tolist() == [0, 0, 0, 1]


def test_a_number_without_any_value_in_training_is_left_out():
    features, target = learnable(600)
    features = features.assign(empty=np.nan)[["empty", "gaps", "shop", "number"]]
    assert_served(fitted("logistic_regression", features, target), features.assign(empty=7.0))


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_row_has_one_score_whatever_stands_beside_it(model):
    pipeline, rows = of_shops(model), unseen(600)
    session = Session(export(pipeline))
    whole = assert_served(pipeline, rows, session)
    numbers, texts = batch(pipeline, rows)
    for size in (1, 2, 3, 7, 64, 129):
        cuts = [slice(i, i + size) for i in range(0, 600, size)]
        parts = [session.score(Batch(numbers[cut], texts[cut])) for cut in cuts]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert session.score(batch(pipeline, rows[:0])).shape == (0,)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_the_second_output_is_what_the_estimator_sees(model):
    pipeline, rows = of_shops(model), unseen()
    found = Session(export(pipeline)).columns(batch(pipeline, rows))
    np.testing.assert_array_equal(found, pipeline[:-1].transform(rows), strict=True)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_the_same_model_is_exported_to_the_same_bytes(model):
    features, target = learnable(600)
    assert export(fitted(model, features, target)) == export(of_shops(model))


@pytest.mark.parametrize(
    ("model", "hyperparameters", "refusal"),
    [
        ("hist_gradient_boosting", {"categorical_features": [2, 3, 4]}, "train.categorical_features: splits by sets"),
        ("lightgbm", {"linear_tree": True}, "train.linear_tree"),
        ("lightgbm", {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, "averaged trees of LightGBM"),
        ("lightgbm", {"zero_as_missing": True}, "train.zero_as_missing"),
        ("lightgbm", {"objective": "cross_entropy"}, "objective binary sigmoid:1"),
        ("xgboost", {"booster": "gblinear"}, "booster gbtree"),
        ("xgboost", {"booster": "dart"}, "booster gbtree"),
        ("xgboost", {"objective": "binary:hinge"}, "objective binary:logistic"),
        ("xgboost", {"missing": 0.0}, "train.missing: only NaN"),
    ],
)
def test_what_can_t_be_served_exactly_is_refused_with_the_reason(model, hyperparameters, refusal):
    features, target = learnable(600)
    with pytest.raises(PipelineError, match=refusal):
        export(fitted(model, features, target, **hyperparameters))


def test_another_estimator_or_preprocessing_is_refused():
    features, target = learnable(600)
    pipeline = fitted("decision_tree", features, target)
    pipeline.steps[-1] = ("model", GaussianNB())
    with pytest.raises(PipelineError, match="GaussianNB: no model family"):
        export(pipeline)
    scaled = fitted("decision_tree", features[["number"]], target)
    scaled[0].transformers_[0] = ("numbers", MinMaxScaler(), ["number"])
    with pytest.raises(PipelineError, match="MinMaxScaler: this preprocessing can't be served"):
        export(scaled)


def test_a_family_without_an_export_is_refused_in_words(neighbours):
    with pytest.raises(PipelineError, match="k_nearest_neighbours: this family has no exact export"):
        export(fitted("k_nearest_neighbours", *learnable()))
