"""Three public tables without time and key go through all stages, and come out as scikit-learn makes them by hand."""

import joblib
import numpy as np
import pytest
from sklearn import metrics
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Servable
from lifecycle.core.tables import read_json, read_table
from lifecycle.models.prediction import predict
from tests.helpers_model import run_stages
from tests.helpers_tables import change_params, run_all


@pytest.fixture(scope="module", params=["diabetes", "wine", "breast_cancer"])
def project(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return run_all(request.param, folder), folder


def by_hand(problem, folder):
    """Return a plain model of the same recipe, fitted on the training rows, and the test rows."""
    train, test = (read_table(folder / f"data/splits/{name}.parquet") for name in ("train", "test"))
    kind = ExtraTreesRegressor if problem.task == "regression" else ExtraTreesClassifier
    recipe = read_json(folder / "models/hyperparameters.json")["hyperparameters"]
    return kind(**recipe).fit(train[problem.feature_names], train["target"]), test


def test_the_figures_are_those_of_a_plain_model_on_the_same_split(project):
    problem, folder = project
    model, test = by_hand(problem, folder)
    found, truth = read_json(folder / "metrics/evaluate/evaluation.json")["test"], test["target"].to_numpy()
    features = test[problem.feature_names]
    if problem.task == "regression":
        expected = {
            "r2": metrics.r2_score(truth, model.predict(features)),
            "mae": metrics.mean_absolute_error(truth, model.predict(features)),
        }
    elif problem.task == "binary":
        expected = {"average_precision": metrics.average_precision_score(truth, model.predict_proba(features)[:, 1])}
    else:
        scored = read_table(folder / "data/scores/test.parquet")
        probability = scored[problem.prediction_columns("probability")].to_numpy()
        expected = {
            "log_loss": metrics.log_loss(truth, probability),
            "accuracy": metrics.accuracy_score(truth, probability.argmax(axis=1)),
        }
        np.testing.assert_allclose(problem.prediction(scored), model.predict_proba(features), atol=1e-12)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_the_bundle_scores_every_row_with_the_bits_of_the_pipeline(project):
    _, folder = project
    servable, test = Servable.load(folder / "models/bundle"), read_table(folder / "data/splits/test.parquet")
    expected = predict(joblib.load(folder / "models/model.joblib"), test)
    np.testing.assert_array_equal(servable.session.score(as_batch(servable, test)), expected)
    figures = read_json(folder / "metrics/package/package.json")["package"]
    assert figures["decisions_that_differ"] == figures["largest_difference"] == 0
    assert figures["rows_compared"] > len(test)


def test_rows_are_counted_where_there_is_no_key_and_none_is_in_two_parts(project):
    problem, folder = project
    parts = [read_table(folder / f"data/splits/{name}.parquet")[problem.key] for name in ("train", "test")]
    rows = len(read_table(folder / "data/validated/records.parquet"))
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))


def test_the_card_speaks_of_no_time_and_of_no_kind_but_its_own(project):
    problem, folder = project
    card = (folder / "metrics/card/model_card.md").read_text(encoding="utf-8")
    assert ("alert" in card) == (problem.task == "binary")
    assert "per day" not in card and "a day" not in card
    for figure in read_json(folder / "metrics/evaluate/evaluation.json")["test"]:
        assert f"`{figure}`" in card


def test_an_interval_holds_about_the_stated_share_of_the_test_rows(tmp_path):
    run_all("diabetes", tmp_path, "evaluate")
    for coverage in (0.8, 0.9, 0.95):
        change_params(tmp_path, "diabetes", **{"decide.coverage": coverage})
        run_stages(tmp_path, "decide", "evaluate")
        found = read_json(tmp_path / "metrics/evaluate/evaluation.json")["test"]["coverage"]
        noise = 3 * np.sqrt(coverage * (1 - coverage) / len(read_table(tmp_path / "data/scores/test.parquet")))
        assert abs(found - coverage) < noise
