import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from lifecycle.core.errors import PipelineError
from lifecycle.core.numbers import sigmoid
from lifecycle.explanation import shapley
from lifecycle.explanation.contributions import explainer, limit
from lifecycle.models.families import FAMILIES, build, fit, predict
from lifecycle.models.trees import ensemble, leaves
from tests.helpers_model import learnable

SIZE = {"hist_gradient_boosting": "max_iter", "decision_tree": None, "logistic_regression": None}
OF_SCIKIT_LEARN = ["random_forest", "extra_trees", "decision_tree", "hist_gradient_boosting"]


def with_a_dull_column(rows=600, seed=0):
    features, target = learnable(rows, seed)
    return features.assign(always=7.0), target


def fitted(model, **hyperparameters):
    features, target = with_a_dull_column()
    size = SIZE.get(model, "n_estimators")
    return fit(build(model, 3, ({size: 12} if size else {}) | hyperparameters, features), features, target)


@pytest.mark.parametrize("model", FAMILIES)
def test_base_and_contributions_add_up_to_the_score(model):
    pipeline = fitted(model)
    unseen = with_a_dull_column(seed=5)[0]
    unseen.loc[:3, ["number", "gaps"]] = np.nan
    unseen.loc[4:6, "shop"] = ["airport", None, "garage"]
    explained = explainer(pipeline)(unseen)
    assert explained.names == ["number", "gaps", "shop", "always"]
    assert explained.values.shape == (600, 4)
    assert np.abs(explained.scores() - predict(pipeline, unseen)).max() <= limit(pipeline)
    total = explained.base + explained.values.sum(axis=1)
    np.testing.assert_array_equal(
        explained.scores(), sigmoid(total) if explained.unit == "log-odds" else total, strict=True
    )


@pytest.mark.parametrize("model", FAMILIES)
def test_a_feature_that_no_split_uses_adds_nothing(model):
    explained = explainer(fitted(model))(with_a_dull_column(seed=5)[0])
    np.testing.assert_array_equal(explained.values[:, 3], 0)
    assert (np.abs(explained.values[:, :3]).max(axis=0) > 0.01).all()


@pytest.mark.parametrize("model", FAMILIES)
def test_the_order_of_columns_and_what_else_stands_in_the_table_are_no_matter(model):
    features = with_a_dull_column(rows=20)[0]
    explain = explainer(fitted(model))
    changed = features[["shop", "always", "number", "gaps"]].assign(other="unknown")
    np.testing.assert_array_equal(explain(changed).values, explain(features).values)


@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting", "lightgbm", "logistic_regression"])
def test_a_value_that_raises_the_label_s_share_raises_the_score(model):
    features = with_a_dull_column(seed=5)[0]
    explained = explainer(fitted(model))(features)
    number = pd.Series(explained.values[:, 0])
    assert number.corr(features["number"], method="spearman") > 0.8
    shop = pd.Series(explained.values[:, 2]).groupby(features["shop"]).mean()
    assert shop.idxmax() == "garage"


def test_probabilities_for_forests_and_log_odds_for_sums_of_trees():
    units = {model: explainer(fitted(model))(with_a_dull_column(rows=2)[0]).unit for model in FAMILIES}
    assert {model for model, unit in units.items() if unit == "probability"} == {
        "random_forest",
        "extra_trees",
        "decision_tree",
    }
    assert set(units.values()) == {"probability", "log-odds"}


@pytest.mark.parametrize("model", ["extra_trees", "decision_tree"])
def test_values_are_compared_in_single_precision_as_the_trees_do(model):
    low, high = 2.0**24, 2.0**24 + 2  # neighbours in single precision
    number = np.r_[np.full(50, low), np.full(50, high)]
    features, target = pd.DataFrame({"number": number}), pd.Series(np.r_[np.zeros(50, int), np.ones(50, int)])
    pipeline = fit(build(model, 0, {}, features), features, target)
    between = pd.DataFrame({"number": np.linspace(low, high, 41)})
    assert set(predict(pipeline, between)) == {0.0, 1.0}
    np.testing.assert_allclose(explainer(pipeline)(between).scores(), predict(pipeline, between), rtol=0, atol=1e-15)


def test_a_number_without_any_value_adds_nothing_and_shifts_no_other():
    features, target = learnable()
    features = features.assign(empty=np.nan)[["empty", "gaps", "shop", "number"]]
    pipeline = fit(build("logistic_regression", 0, {}, features), features, target)
    explained = explainer(pipeline)(features)
    np.testing.assert_array_equal(explained.values[:, 0], 0)
    assert np.abs(explained.scores() - predict(pipeline, features)).max() <= limit(pipeline)


def test_what_has_no_exact_explanation_is_refused():
    pipeline = fitted("decision_tree")
    pipeline.steps[-1] = ("model", GaussianNB())
    with pytest.raises(PipelineError, match="GaussianNB: there is no exact explanation for this estimator"):
        explainer(pipeline)
    with pytest.raises(PipelineError, match=r"train\.categorical_features: splits by sets"):
        explainer(fitted("hist_gradient_boosting", categorical_features=[2, 3, 4]))


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_SCIKIT_LEARN)
def test_the_package_shap_finds_the_same(model):
    shap = pytest.importorskip("shap")
    pass  # MOVED

    pipeline = fitted(model)
    X = pipeline[:-1].transform(with_a_dull_column(seed=5)[0])
    theirs = shap.TreeExplainer(pipeline[-1], feature_perturbation="tree_path_dependent")
    values = np.asarray(theirs.shap_values(X, check_additivity=False))
    table = leaves(ensemble(pipeline[-1]))
    ours = shapley.contributions(table, X)
    np.testing.assert_allclose(ours, values[:, :, 1] if values.ndim == 3 else values, rtol=0, atol=1e-12)
    assert float(table.base) == pytest.approx(np.ravel(theirs.expected_value)[-1], abs=1e-12)
