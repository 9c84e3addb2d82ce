import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.models.prediction import predict
from lifecycle.models.training import baseline, folds_of, train_model
from problems.transactions import PROBLEM
from tests.helpers_model import CLASSIFIERS, SMALL, git_init, params, run_stages, start_project, write_params
from tests.helpers_search import OF_KIND, folds_of_kind


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("splits")
    start_project(folder)
    run_stages(folder, "featurize", "split")
    git_init(folder)
    return folder


@pytest.fixture
def project(splits, tmp_path):
    return shutil.copytree(splits, tmp_path / "project", ignore=shutil.ignore_patterns("validated", "features"))


@pytest.fixture(scope="module")
def trained(splits):
    run_stages(splits, "train")
    return splits


def test_each_validation_score_comes_from_a_model_that_saw_its_fold_s_training_rows_only(trained):
    folds, scores = (
        read_table(trained / "data/splits/folds.parquet"),
        read_table(trained / "data/scores/validation.parquet"),
    )
    settings = params(**SMALL).train
    for number, found in scores.groupby("fold"):
        (fold,) = folds_of(folds[folds["fold"] == number])
        assert found["transaction_id"].tolist() == fold.valid["transaction_id"].tolist()
        for column, train in (("score", settings), ("baseline_score", baseline(settings, "binary"))):
            model = train_model(train, PROBLEM, fold.train)
            np.testing.assert_array_equal(found[column], predict(model, fold.valid))


def test_the_figures_are_those_of_the_folds_and_their_mean(trained):
    scores = read_table(trained / "data/scores/validation.parquet")
    summary = read_json(trained / "metrics/train/metrics.json")["validation"]
    for name, figure in (("average_precision", average_precision_score), ("roc_auc", roc_auc_score)):
        by_fold = [figure(fold["is_fraud"], fold["score"]) for _, fold in scores.groupby("fold")]
        logged = pd.read_csv(trained / f"metrics/train/plots/metrics/validation/{name}.tsv", sep="\t")[name]
        assert logged.tolist() == pytest.approx(by_fold)
        assert summary[name] == pytest.approx(np.mean(by_fold))


def test_the_learning_curve_ends_at_the_newest_fold_s_figure(trained):
    curve = pd.read_csv(trained / "metrics/train/learning_curve.csv")
    newest = pd.read_csv(trained / "metrics/train/plots/metrics/validation/average_precision.tsv", sep="\t")
    assert curve["size"].tolist() == list(range(1, 9))
    assert curve["average_precision"].iloc[-1] == pytest.approx(newest["average_precision"].iloc[-1], rel=1e-5)


def test_the_models_never_see_the_label_the_scenario_or_an_identifier(trained):
    for name in ("model", "baseline"):
        assert joblib.load(trained / f"models/{name}.joblib").feature_names_in_.tolist() == PROBLEM.feature_names


def test_all_hyperparameters_are_put_on_record_not_only_those_of_params(trained):
    record = read_json(trained / "models/hyperparameters.json")
    assert record["model"] == "extra_trees"
    assert record["hyperparameters"] == joblib.load(trained / "models/model.joblib")[-1].get_params()
    assert record["hyperparameters"]["n_estimators"] == 8


def test_a_second_run_gives_the_same_bytes(trained, project):
    shutil.copytree(trained / "data/splits", project / "data/splits", dirs_exist_ok=True)
    run_stages(project, "train")
    names = [
        "models/model.joblib",
        "models/baseline.joblib",
        "data/scores/validation.parquet",
        "metrics/train/metrics.json",
    ]
    for name in names:
        assert (project / name).read_bytes() == (trained / name).read_bytes(), name


def test_an_excluded_feature_reaches_neither_model(project):
    write_params(project, {"train.exclude_features": ["amount"]})
    run_stages(project, "train")
    for name in ("model", "baseline"):
        assert "amount" not in joblib.load(project / f"models/{name}.joblib").feature_names_in_


def test_rows_of_the_test_window_are_not_needed(project):
    (project / "data/splits/test.parquet").unlink()
    run_stages(project, "train")
    assert (project / "models/model.joblib").is_file()


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_every_family_runs_through_the_stage(project, model):
    for name in ("train", "folds"):
        path = project / f"data/splits/{name}.parquet"
        write_table(read_table(path).iloc[::4], path)
    write_params(project, {"train": {"model": model, "seed": 42, "exclude_features": []}})
    run_stages(project, "train")
    assert read_json(project / "models/hyperparameters.json")["model"] == model


def test_a_value_that_the_model_refuses_leaves_the_old_model(project):
    run_stages(project, "train")
    before = (project / "models/model.joblib").read_bytes()
    write_params(project, {"train.max_depth": -3})
    with pytest.raises(PipelineError, match=r"params\.yaml: train: .*max_depth.*-3"):
        run_stages(project, "train")
    assert (project / "models/model.joblib").read_bytes() == before


def test_the_final_models_saw_the_training_rows_only(trained):
    rows, settings = read_table(trained / "data/splits/train.parquet"), params(**SMALL).train
    for file, recipe in (("model", settings), ("baseline", baseline(settings, "binary"))):
        final = joblib.load(trained / f"models/{file}.joblib")
        np.testing.assert_array_equal(predict(final, rows), predict(train_model(recipe, PROBLEM, rows), rows))


def accuracy(target, probabilities):
    return accuracy_score(target, probabilities.argmax(axis=1))


FIGURES = {
    "binary": {"average_precision": average_precision_score, "roc_auc": roc_auc_score},
    "multiclass": {
        "log_loss": log_loss,
        "accuracy": accuracy,
    },
    "regression": {"r2": r2_score, "mae": mean_absolute_error},
}


@pytest.mark.parametrize("model", ["extra_trees", "hist_gradient_boosting", "decision_tree"])
@pytest.mark.parametrize("kind", FIGURES)
def test_each_kind_of_target_has_its_figures_and_its_learning_curve(kind, model, tmp_path, monkeypatch):
    problem, size = OF_KIND[kind], {"extra_trees": 6, "hist_gradient_boosting": 6, "decision_tree": 1}[model]
    parts = [
        part.assign(fold=number, role=role)
        for number, fold in enumerate(folds_of_kind(problem), 1)
        for role, part in (("train", fold.train), ("valid", fold.valid))
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(sale=rows.index, sold_at=pd.Timestamp("2024-01-01") + pd.to_timedelta(rows.index, unit="h"))
    write_table(rows, tmp_path / "data/splits/folds.parquet")
    write_table(rows[rows["role"] == "train"], tmp_path / "data/splits/train.parquet")
    steps = {"extra_trees": {"n_estimators": 6}, "hist_gradient_boosting": {"max_iter": 6}}.get(model, {})
    write_params(tmp_path, {"train": {"model": model, "seed": 42, "exclude_features": []} | steps})
    git_init(tmp_path)
    monkeypatch.setattr("train.load_problem", lambda _: problem)
    run_stages(tmp_path, "train")
    scores = read_table(tmp_path / "data/scores/validation.parquet")
    summary = read_json(tmp_path / "metrics/train/metrics.json")["validation"]
    assert summary.keys() == FIGURES[kind].keys()
    curve = pd.read_csv(tmp_path / "metrics/train/learning_curve.csv")
    assert curve["size"].tolist() == list(range(1, size + 1))
    headline, *_ = FIGURES[kind]
    assert curve.columns.tolist() == ["size", headline]
    for name, figure in FIGURES[kind].items():
        by_fold = [figure(fold[problem.target], problem.prediction(fold)) for _, fold in scores.groupby("fold")]
        assert summary[name] == pytest.approx(np.mean(by_fold))
        if name == headline:
            assert curve[name].iloc[-1] == pytest.approx(by_fold[-1], rel=1e-5)
