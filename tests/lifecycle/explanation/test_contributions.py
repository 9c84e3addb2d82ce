import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from lifecycle.core.errors import PipelineError
from lifecycle.core.portable_math import sigmoid
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.pictures import draw_explanation
from lifecycle.explanation import shapley
from lifecycle.explanation.contributions import (
    Contributions,
    Summary,
    additivity_error,
    dots,
    explainer,
    figures,
    summary,
)
from lifecycle.explanation.importance import partial_dependence
from lifecycle.models.families import FAMILIES, build, family_of
from lifecycle.models.prediction import predict
from lifecycle.models.training import fit
from tests.helpers_model import CLASSIFIERS, learnable

SIZE = {"hist_gradient_boosting": "max_iter", "decision_tree": None, "logistic_regression": None}
OF_SCIKIT_LEARN = ["random_forest", "extra_trees", "decision_tree", "hist_gradient_boosting"]


def with_a_dull_column(rows=600, seed=0):
    features, target = learnable(rows, seed)
    return features.assign(always=7.0), target


def fitted(model, **hyperparameters):
    features, target = with_a_dull_column()
    size = SIZE.get(model, "n_estimators")
    return fit(build(model, "binary", 3, ({size: 12} if size else {}) | hyperparameters, features), features, target)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_base_and_contributions_add_up_to_the_score(model):
    pipeline = fitted(model)
    unseen = with_a_dull_column(seed=5)[0]
    unseen.loc[:3, ["number", "gaps"]] = np.nan
    unseen.loc[4:6, "shop"] = ["airport", None, "garage"]
    explained = explainer(pipeline)(unseen)
    assert explained.names == ["number", "gaps", "shop", "always"]
    assert explained.values.shape == (1, 600, 4)
    assert np.abs(explained.scores() - predict(pipeline, unseen)).max() <= family_of(pipeline).tolerance
    total = explained.base[0] + explained.values[0].sum(axis=1)
    np.testing.assert_array_equal(
        explained.scores(), sigmoid(total) if explained.unit == "log-odds" else total, strict=True
    )


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_feature_that_no_split_uses_adds_nothing(model):
    explained = explainer(fitted(model))(with_a_dull_column(seed=5)[0])
    np.testing.assert_array_equal(explained.values[0, :, 3], 0)
    assert (np.abs(explained.values[0, :, :3]).max(axis=0) > 0.01).all()


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_the_order_of_columns_and_what_else_stands_in_the_table_are_no_matter(model):
    features = with_a_dull_column(rows=20)[0]
    explain = explainer(fitted(model))
    changed = features[["shop", "always", "number", "gaps"]].assign(other="unknown")
    np.testing.assert_array_equal(explain(changed).values, explain(features).values)


@pytest.mark.parametrize("model", ["random_forest", "hist_gradient_boosting", "lightgbm", "logistic_regression"])
def test_a_value_that_raises_the_label_s_share_raises_the_score(model):
    features = with_a_dull_column(seed=5)[0]
    explained = explainer(fitted(model))(features)
    number = pd.Series(explained.values[0, :, 0])
    assert number.corr(features["number"], method="spearman") > 0.8
    shop = pd.Series(explained.values[0, :, 2]).groupby(features["shop"]).mean()
    assert shop.idxmax() == "garage"


def test_probabilities_for_forests_and_log_odds_for_sums_of_trees():
    units = {model: explainer(fitted(model))(with_a_dull_column(rows=2)[0]).unit for model in CLASSIFIERS}
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
    pipeline = fit(build(model, "binary", 0, {}, features), features, target)
    between = pd.DataFrame({"number": np.linspace(low, high, 41)})
    assert set(predict(pipeline, between)) == {0.0, 1.0}
    np.testing.assert_allclose(explainer(pipeline)(between).scores(), predict(pipeline, between), rtol=0, atol=1e-15)


def test_a_number_without_any_value_adds_nothing_and_shifts_no_other():
    features, target = learnable()
    features = features.assign(empty=np.nan)[["empty", "gaps", "shop", "number"]]
    pipeline = fit(build("logistic_regression", "binary", 0, {}, features), features, target)
    explained = explainer(pipeline)(features)
    np.testing.assert_array_equal(explained.values[0, :, 0], 0)
    assert np.abs(explained.scores() - predict(pipeline, features)).max() <= family_of(pipeline).tolerance


def test_what_has_no_exact_explanation_is_refused():
    pipeline = fitted("decision_tree")
    pipeline.steps[-1] = ("model", GaussianNB())
    with pytest.raises(PipelineError, match="GaussianNB: no model family"):
        explainer(pipeline)
    with pytest.raises(PipelineError, match=r"train\.categorical_features: splits by sets"):
        explainer(fitted("hist_gradient_boosting", categorical_features=[2, 3, 4]))


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_SCIKIT_LEARN)
def test_the_package_shap_finds_the_same(model):
    shap = pytest.importorskip("shap")
    pipeline = fitted(model)
    X = pipeline[:-1].transform(with_a_dull_column(seed=5)[0])
    theirs = shap.TreeExplainer(pipeline[-1], feature_perturbation="tree_path_dependent")
    values = np.asarray(theirs.shap_values(X, check_additivity=False))
    table = FAMILIES[model].trees(pipeline[-1]).leaves()
    ours = shapley.contributions(table, X)
    np.testing.assert_allclose(ours, values[:, :, 1] if values.ndim == 3 else values, rtol=0, atol=1e-12)
    assert float(table.base) == pytest.approx(np.ravel(theirs.expected_value)[-1], abs=1e-12)


ROWS = 1_500


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    number = rng.normal(size=ROWS)
    return pd.DataFrame(
        {
            "up": number,
            "down": rng.permutation(number),
            "often": np.where(rng.random(ROWS) < 0.99, 0, rng.integers(1, 40, ROWS)),
            "same": 3,
            "text": rng.choice(["a", "b"], ROWS),
        }
    )


def score_of(rows):
    return 0.5 + 0.02 * rows["up"].to_numpy() - 0.01 * rows["down"].to_numpy()


@pytest.fixture
def explained(rows):
    values = np.zeros(rows.shape)
    values[:, 0], values[:, 1] = 0.02 * rows["up"], -0.01 * rows["down"]
    values[:, 4] = np.where(rows["text"] == "a", 0.001, -0.001)
    return Contributions(list(rows.columns), values[None], (0.5,), "probability")


@pytest.mark.parametrize("fault", [2e-9, np.nan])
def test_contributions_that_miss_a_score_are_refused(explained, fault):
    scores = 0.5 + explained.values[0].sum(axis=1)
    assert additivity_error(explained, scores, 1e-9) < 1e-15
    scores[7] += fault
    with pytest.raises(PipelineError, match=r"miss the scores .* by up to .* up to 1e-09 is rounding"):
        additivity_error(explained, scores, 1e-9)


def test_size_and_direction_of_contributions(explained, rows):
    found = figures(explained, rows)
    assert found.loc["up", "mean_abs_contribution"] == pytest.approx(0.02 * rows["up"].abs().mean())
    assert found["direction"].tolist()[:2] == pytest.approx([1, -1])
    assert found["direction"].isna().tolist() == [False, False, True, True, True]
    importance = pd.DataFrame({"feature": list(rows), "importance": 0.25})
    written = Summary({"rows": ROWS}, found, pd.DataFrame()).as_json(importance)
    assert written["rows"] == ROWS
    assert written["features"]["text"] == {"importance": 0.25, "mean_abs_contribution": 0.001}


def test_dots_are_few_and_reach_from_the_least_to_the_greatest_contribution(explained, rows):
    table = dots(explained, rows)
    counts = table["feature"].value_counts()
    assert counts.max() <= 201
    assert set(counts.index) == set(rows)
    up = table[table["feature"] == "up"]
    assert (up["contribution"].min(), up["contribution"].max()) == pytest.approx(
        (0.02 * rows.up.min(), 0.02 * rows.up.max())
    )
    assert up["level"].is_monotonic_increasing
    assert up["level"].iloc[-1] == 1
    np.testing.assert_allclose(up["value"].astype(float) * 0.02, up["contribution"], rtol=1e-5)
    assert set(table.loc[table["feature"] == "text", "value"]) == {"a", "b"}


def test_dependence_is_the_mean_score_with_one_feature_set(rows):
    table = partial_dependence(score_of, rows, ["up", "often", "same", "text"])
    assert set(table["feature"]) == {"up", "often"}
    up = table[table["feature"] == "up"]
    np.testing.assert_allclose(up["score"], 0.5 + 0.02 * up["value"] - 0.01 * rows["down"].mean(), atol=1e-12)
    assert (up["value"].min(), up["value"].max()) == (rows["up"].min(), rows["up"].max())
    assert set(up["value"]) <= set(rows["up"])
    assert len(table[table["feature"] == "often"]) >= 10


def test_without_numbers_there_is_no_dependence(rows):
    assert partial_dependence(score_of, rows, ["text"]).columns.tolist() == ["feature", "value", "score"]


def test_the_same_tables_give_the_same_picture(explained, rows, tmp_path):
    importance = pd.DataFrame({"feature": list(rows), "importance": [0.3, 0.2, 0.1, 0, 0], "low": 0.0, "high": 0.4})
    write_csv(importance, tmp_path / "importance.csv")
    write_csv(dots(explained, rows), tmp_path / "contribution_summary.csv")
    for name, features in (("one", ["up", "often"]), ("two", ["up", "often"]), ("none", [])):
        write_csv(partial_dependence(score_of, rows, features), tmp_path / "partial_dependence.csv")
        draw_explanation(tmp_path, "binary", "probability", tmp_path / f"{name}.png")
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("one", "two", "none")]
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_picture_without_contributions_says_so(explained, rows, tmp_path):
    importance = pd.DataFrame({"feature": list(rows), "importance": [0.3, 0.2, 0.1, 0, 0], "low": 0.0, "high": 0.4})
    write_csv(importance, tmp_path / "importance.csv")
    write_csv(dots(explained, rows)[:0], tmp_path / "contribution_summary.csv")
    write_csv(partial_dependence(score_of, rows, ["up"]), tmp_path / "partial_dependence.csv")
    draw_explanation(tmp_path, "binary", None, tmp_path / "explanation.png")
    assert (tmp_path / "explanation.png").stat().st_size > 10_000


def test_the_summary_of_a_model_tells_all_that_its_contributions_are():
    pipeline, (features, _) = fitted("extra_trees"), with_a_dull_column(seed=5)
    found = summary(pipeline, features, predict(pipeline, features))
    assert found.whole == {
        "rows": 600,
        "unit": "probability",
        "base": pytest.approx(explainer(pipeline)(features).base[0]),
        "additivity_error": 0.0,
        "additivity_limit": 1e-9,
    }
    assert list(found.figures.index) == ["number", "gaps", "shop", "always"]


def test_a_family_without_contributions_says_why_and_leaves_the_tables_empty(neighbours):
    features, target = learnable()
    pipeline = fit(build("k_nearest_neighbours", "binary", 0, {}, features), features, target)
    found = summary(pipeline, features, predict(pipeline, features))
    why = found.whole["no_contributions"]
    assert why.startswith("A score of k_nearest_neighbours can't be split exactly into what each feature adds")
    assert found.dots.columns.tolist() == ["feature", "value", "level", "contribution"]
    assert len(found.dots) == len(found.figures) == 0
    importance = pd.DataFrame({"feature": list(features), "importance": 0.5})
    assert found.as_json(importance)["features"]["shop"] == {"importance": 0.5}
    with pytest.raises(PipelineError, match="can't be split exactly"):
        explainer(pipeline)
