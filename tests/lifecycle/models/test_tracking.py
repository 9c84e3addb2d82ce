import subprocess

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json
from lifecycle.models.tracking import tracker
from tests.helpers_model import git_init

FOLDS = [{"average_precision": 0.5, "roc_auc": 0.9}, {"average_precision": 0.7, "roc_auc": 0.8}]


def track(folder, folds=FOLDS):
    with tracker(folder / "metrics/train") as tracked:
        for figures in folds:
            tracked.log_fold(figures)


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
