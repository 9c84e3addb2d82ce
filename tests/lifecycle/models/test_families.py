import importlib.util
import io
import re
import tomllib

import joblib
import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from lifecycle.core.errors import PipelineError
from lifecycle.models.families import FAMILIES, build, family_of
from lifecycle.models.prediction import predict, staged_predict
from lifecycle.models.training import fit
from tests.helpers_model import CLASSIFIERS, ROOT, learnable

SIZE = {
    "random_forest": "n_estimators",
    "extra_trees": "n_estimators",
    "hist_gradient_boosting": "max_iter",
    "lightgbm": "n_estimators",
    "xgboost": "n_estimators",
}
ENSEMBLES = ["random_forest", "extra_trees", "hist_gradient_boosting"]


def fitted(model, **hyperparameters):
    features, target = learnable()
    if model in SIZE:
        hyperparameters = {SIZE[model]: 10} | hyperparameters
    return fit(build(model, "binary", 3, hyperparameters, features), features, target)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_every_family_learns_from_text_and_gaps(model):
    features, target = learnable(seed=1)
    score = predict(fitted(model), features)
    assert score.shape == (len(features),)
    assert ((score >= 0) & (score <= 1)).all()
    assert score[target == 1].mean() > score[target == 0].mean() + 0.2


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_text_never_seen_and_new_gaps_are_scored_too(model):
    features = learnable()[0].iloc[:5].assign(shop=["bakery", "airport", None, "garage", "florist"], number=np.nan)
    assert np.isfinite(predict(fitted(model), features)).all()


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_the_same_rows_and_seed_give_the_same_bytes(model):
    def dumped():
        joblib.dump(fitted(model), buffer := io.BytesIO())
        return buffer.getvalue()

    assert dumped() == dumped()


@pytest.mark.parametrize("model", ["random_forest", "extra_trees", "decision_tree"])
def test_another_seed_gives_another_model(model):
    features, target = learnable()
    unseen = learnable(seed=5)[0]
    one, other = (fit(build(model, "binary", seed, {"max_features": 1}, features), features, target) for seed in (1, 2))
    assert (predict(one, unseen) != predict(other, unseen)).any()


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "logistic_regression", "lightgbm", "xgboost"])
def test_scores_through_an_exponential_are_rounded_so_that_no_decision_hangs_on_a_last_bit(model):
    pipeline, features = fitted(model), learnable(seed=1)[0]
    score, plain = predict(pipeline, features), pipeline.predict_proba(features)[:, 1]
    np.testing.assert_array_equal(score, np.round(score, 8))
    np.testing.assert_allclose(score, plain, rtol=0, atol=1e-6 if model == "xgboost" else 6e-9)


def test_a_forest_s_score_is_the_mean_itself():
    pipeline, features = fitted("random_forest", n_estimators=7), learnable(seed=1)[0]
    np.testing.assert_array_equal(predict(pipeline, features), pipeline.predict_proba(features)[:, 1])


def test_xgboost_has_scores_in_double_precision():
    model, features = fitted("xgboost"), learnable(seed=1)[0]
    margin = model[-1].predict(model[:-1].transform(features), output_margin=True).astype(np.float64)
    np.testing.assert_allclose(predict(model, features), 1 / (1 + np.exp(-margin)), rtol=0, atol=6e-9)


def test_unknown_models_are_refused_with_the_known_ones():
    with pytest.raises(PipelineError, match=r"train\.model = 'forest': unknown; known: random_forest, extra_trees"):
        build("forest", "binary", 0, {}, learnable()[0])


@pytest.mark.parametrize(
    ("model", "name", "listed"),
    [
        ("random_forest", "max_dept", "max_depth"),
        ("logistic_regression", "n_estimators", "C, "),
        ("hist_gradient_boosting", "n_estimators", "max_iter"),
        ("extra_trees", "n_jobs", "n_estimators"),
        ("lightgbm", "random_state", "num_leaves"),
    ],
    ids=["misspelt", "of_another_model", "of_a_sibling", "set_by_us", "seed_has_its_own_key"],
)
def test_a_hyperparameter_that_the_model_lacks_is_refused_with_those_it_has(model, name, listed):
    with pytest.raises(PipelineError) as refusal:
        build(model, "binary", 0, {name: 5}, learnable()[0])
    message = str(refusal.value)
    assert message.startswith(f"params.yaml: train.{name} = 5: {model} has no such parameter; it has: ")
    assert listed in message.split("it has: ")[1]
    assert f"dvc exp run -S '~train.{name}'" in message


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        ("random_forest", "max_depth", -3),
        ("extra_trees", "n_estimators", "many"),
        ("hist_gradient_boosting", "learning_rate", 0),
        ("logistic_regression", "C", -1.0),
        ("decision_tree", "criterion", "gut feeling"),
        ("xgboost", "max_depth", -3),
        ("lightgbm", "num_leaves", 1),
    ],
)
def test_an_illegal_value_is_told_in_words(model, name, value):
    with pytest.raises(PipelineError, match=rf"params\.yaml: train: .*{name}"):
        fitted(model, **{name: value})


@pytest.mark.parametrize("model", ["lightgbm", "xgboost"])
def test_a_package_that_is_not_installed_is_told_with_its_extra(monkeypatch, model):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PipelineError, match=f"{model} is not installed; it is in the extra `boosting`"):
        build(model, "binary", 0, {}, learnable()[0])


def test_the_scaler_has_learned_training_rows_only():
    features, _ = learnable()
    model = fitted("logistic_regression")
    scaler = model["prepare"].named_transformers_["numbers"][-1]
    filled = features["gaps"].fillna(features["gaps"].median())
    expected = [features["number"].mean(), filled.mean(), features["gaps"].isna().mean()]
    np.testing.assert_allclose(scaler.mean_, expected)
    predict(model, features.assign(number=1e6, gaps=-1e6))
    np.testing.assert_allclose(scaler.mean_, expected)


@pytest.mark.parametrize("model", ["random_forest", "extra_trees"])
def test_a_fitted_forest_predicts_in_one_thread(model):
    assert build(model, "binary", 0, {}, learnable()[0])[-1].n_jobs == -1
    assert fitted(model)[-1].n_jobs is None


@pytest.mark.parametrize("model", CLASSIFIERS)
@pytest.mark.parametrize("size", [10, 11])
def test_the_learning_curve_ends_with_the_whole_model(model, size):
    features = learnable(seed=1)[0]
    learned = fitted(model, **({SIZE[model]: size} if model in SIZE else {}))
    *_, (last, score) = staged_predict(learned, features, points=5)
    np.testing.assert_array_equal(score, predict(learned, features))
    assert last == (size if model in ENSEMBLES else 1)


@pytest.mark.parametrize("model", ENSEMBLES)
def test_a_point_of_the_learning_curve_is_a_smaller_model(model):
    features = learnable(seed=1)[0]
    points = dict(staged_predict(fitted(model), features, points=5))
    assert list(points) == [2, 4, 6, 8, 10]
    np.testing.assert_allclose(points[4], predict(fitted(model, **{SIZE[model]: 4}), features))


def test_the_order_of_the_columns_does_not_matter_their_names_do():
    features = learnable()[0]
    for model in ("extra_trees", "logistic_regression"):
        assert (predict(fitted(model), features[features.columns[::-1]]) == predict(fitted(model), features)).all()


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_model_is_of_the_same_family_after_it_was_written_and_read_again(model):
    joblib.dump(fitted(model), buffer := io.BytesIO())
    buffer.seek(0)
    assert family_of(joblib.load(buffer)) is FAMILIES[model]


def test_an_estimator_of_no_family_is_refused_in_words():
    pipeline = fitted("decision_tree")
    pipeline.steps[-1] = ("model", GaussianNB())
    with pytest.raises(PipelineError, match=r"GaussianNB: no model family; those of .*families: random_forest, "):
        predict(pipeline, learnable()[0])


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_family_s_package_is_locked_and_its_extra_installs_it(model):
    family, project = FAMILIES[model], tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = extras[family.extra] if family.extra else project["dependencies"]
    assert any(line.startswith(f"{family.package}>=") for line in listed)
    assert f"\n{family.package}==" in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_params_and_readme_name_every_family():
    comment = re.search(r"^  model: \w+ +# (.*)", (ROOT / "params.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert comment[1].split(" | ") == list(FAMILIES)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{model}`" in readme for model in FAMILIES if model != "extra_trees")


def test_a_family_without_a_seed_is_built_and_found_again(neighbours):
    pipeline = fitted("k_nearest_neighbours", n_neighbors=3)
    assert family_of(pipeline) is neighbours
    assert not neighbours.has_contributions
    assert not neighbours.has_export
    score = predict(pipeline, learnable(seed=1)[0])
    np.testing.assert_array_equal(score, np.round(pipeline.predict_proba(learnable(seed=1)[0])[:, 1], 8))
    assert list(dict(staged_predict(pipeline, learnable()[0], points=5))) == [1]
