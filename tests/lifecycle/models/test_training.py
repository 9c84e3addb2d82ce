import subprocess

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json
from lifecycle.models.prediction import predict
from lifecycle.models.training import baseline, feature_names, folds_of, hyperparameters, tracker, train_model
from problems.transactions import PROBLEM
from tests.helpers_bundle import SHOPS
from tests.helpers_model import git_init, learnable, params

FOLDS = [{"average_precision": 0.5, "roc_auc": 0.9}, {"average_precision": 0.7, "roc_auc": 0.8}]


def test_without_exclusions_the_model_sees_the_declared_list():
    assert feature_names(PROBLEM, params().train) == PROBLEM.feature_names


def test_excluded_features_are_left_out_and_the_order_stays():
    names = feature_names(PROBLEM, params(train__exclude_features=["amount_ratio", "amount"]).train)
    assert names == [name for name in PROBLEM.feature_names if name not in ("amount_ratio", "amount")]


@pytest.mark.parametrize(
    ("excluded", "fault"),
    [
        (["amout"], "'amout' is no feature"),
        (["is_fraud"], "'is_fraud' is no feature"),
        (PROBLEM.feature_names, "no feature is left"),
    ],
)
def test_a_wrong_exclusion_is_refused_with_the_list_of_features(excluded, fault):
    with pytest.raises(PipelineError, match=r"params\.yaml: train\.exclude_features") as refusal:
        feature_names(PROBLEM, params(train__exclude_features=excluded).train)
    assert fault in str(refusal.value)
    assert ", ".join(PROBLEM.feature_names) in str(refusal.value)


def shops():
    features, target = learnable()
    return features.assign(is_fraud=target)


def test_a_model_learns_what_params_name_from_the_features_that_are_not_excluded():
    train = params(train={"model": "decision_tree", "seed": 1, "exclude_features": ["gaps"], "max_depth": 2}).train
    model = train_model(train, SHOPS, shops())
    assert model.feature_names_in_.tolist() == ["number", "shop"]
    assert model[-1].get_depth() == 2
    assert predict(model, shops()).shape == (300,)


def test_the_baseline_is_a_logistic_regression_with_the_model_s_seed_and_features():
    train = params(train={"model": "decision_tree", "seed": 1, "exclude_features": ["gaps"], "max_depth": 2}).train
    assert baseline(train, "binary").model_dump() == {
        "model": "logistic_regression",
        "seed": 1,
        "exclude_features": ["gaps"],
        "continue_from": "",
        "more_trees": 1,
    }


def test_values_without_a_form_in_json_are_on_record_as_text():
    train = params(train={"model": "decision_tree", "seed": 1, "exclude_features": []}).train
    model = train_model(train, SHOPS, shops())
    model[-1].max_depth, model[-1].class_weight = float("nan"), {0: 1}
    values = hyperparameters(model)
    assert (values["max_depth"], values["class_weight"], values["criterion"]) == ("nan", "{0: 1}", "gini")


def test_folds_come_from_the_oldest_to_the_newest():
    table = pd.DataFrame({"fold": [2, 1, 1, 2], "role": ["train", "valid", "train", "valid"], "row": range(4)})
    folds = folds_of(table)
    assert [(fold.train["row"].tolist(), fold.valid["row"].tolist()) for fold in folds] == [([2], [1]), ([0], [3])]


def track(folder, folds=FOLDS):
    with tracker(folder / "metrics/train") as log_fold:
        for figures in folds:
            log_fold(figures)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    git_init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_summary_is_the_mean_of_the_folds(repository):
    track(repository)
    summary = read_json("metrics/train/metrics.json")["validation"]
    assert summary == {"average_precision": pytest.approx(0.6), "roc_auc": pytest.approx(0.85)}


def test_each_figure_has_a_table_with_one_row_per_fold(repository):
    track(repository)
    table = pd.read_csv("metrics/train/plots/metrics/validation/average_precision.tsv", sep="\t")
    assert table["average_precision"].tolist() == [0.5, 0.7]
    assert table["step"].tolist() == [0, 1]


def test_a_second_run_replaces_the_first_with_the_same_bytes(repository):
    track(repository, FOLDS * 2)
    track(repository)
    before = {path: path.read_bytes() for path in repository.glob("metrics/train/**/*.*")}
    track(repository)
    assert before == {path: path.read_bytes() for path in repository.glob("metrics/train/**/*.*")}


def test_tracking_makes_no_files_commits_or_experiments_of_its_own(repository):
    track(repository)
    assert {path.name for path in repository.iterdir()} == {".git", ".dvc", "metrics"}
    refs = subprocess.check_output(["git", "for-each-ref", "--format=%(refname)"], text=True)
    assert [ref.split("/")[1] for ref in refs.split()] == ["heads"]


def test_a_repository_without_a_commit_is_told_what_to_do(tmp_path, monkeypatch):
    git_init(tmp_path, commit=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="needs a repository with a commit: git add -A && git commit"):
        track(tmp_path)
