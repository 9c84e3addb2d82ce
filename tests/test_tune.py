import contextlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml

import train
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.ranking import Ranking, average_precision
from lifecycle.core.tables import read_table, write_table
from lifecycle.models.training import folds_of
from lifecycle.search import tuning
from problems.transactions import PROBLEM
from tests.conftest import run, set_params
from tests.graph import SRC
from tests.helpers_model import SMALL, git_init, run_stages, start_project, write_params
from tests.params import params_text

SPACE = {"max_depth": {"low": 2, "high": 9}, "n_estimators": {"low": 2, "high": 10}}
TUNE = {"tune": {"models": [], "trials": 6, "minutes": 5.0, "batch": 3, "seed": 0, "space": SPACE}}
POOR = {"train": SMALL["train"] | {"n_estimators": 2, "max_depth": 2}}  # whatever is found is better


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """Give a project with the folds, and neither of the final windows."""
    folder = tmp_path_factory.mktemp("splits")
    start_project(folder, TUNE)
    run_stages(folder, "featurize", "split")
    folds = read_table(folder / "data/splits/folds.parquet")
    write_table(folds.iloc[::3], folder / "data/splits/folds.parquet")
    for part in ("test", "train"):
        (folder / f"data/splits/{part}.parquet").unlink()
    return folder


@pytest.fixture
def project(splits, tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    return shutil.copytree(splits, tmp_path / "project", ignore=shutil.ignore_patterns("validated", "features"))


def tune(folder, *options):
    with contextlib.chdir(folder):
        tuning.tune(options)


def trials(folder):
    return pd.read_csv(folder / "data/tuning/trials.csv")


def test_it_offers_what_is_better_and_says_by_how_much(project, capsys):
    write_params(project, TUNE | POOR)
    before = (project / "params.yaml").read_text()
    tune(project)
    output = capsys.readouterr()
    listed = trials(project)
    best = listed.iloc[0]
    assert "better than the present values: +0." in output.out
    assert re.search(r"95 % interval [+-]0\.\d{4} to \+0\.\d{4}, better in \d+\.\d% of the resamples", output.out)
    depth, size = (int(best[name]) for name in SPACE)
    assert f"dvc exp run -S train.max_depth={depth} -S train.n_estimators={size}\n" in output.out
    assert f"train:\n  max_depth: {depth}\n  n_estimators: {size}\n" in output.out
    assert output.err == ""  # no terminal, no progress bar
    assert (project / "params.yaml").read_text() == before


def test_the_first_trial_gives_the_figure_that_the_stage_train_gives(project):
    tune(project, "--trials", "1")
    params = load_params(project / "params.yaml").train
    figures = []
    for fold in folds_of(read_table(project / "data/splits/folds.parquet")):
        scores = train.validation_scores(params, PROBLEM, fold)[1]
        figures.append(average_precision(*Ranking(scores["is_fraud"].to_numpy(), scores["score"].to_numpy()).counts()))
    (found,) = trials(project)["average_precision"]
    assert found == pytest.approx(np.mean(figures), rel=1e-5)  # six digits in the table


def test_when_nothing_is_better_it_says_so_and_changes_nothing(project, capsys):
    before = (project / "params.yaml").read_text()
    tune(project, "--trials", "1", "--apply")
    assert "nothing better than the present values was found" in capsys.readouterr().out
    assert (project / "params.yaml").read_text() == before


def test_apply_writes_the_best_values_and_nothing_else(project, capsys):
    own = re.sub(r"^tune:.*\n( .*\n)+", yaml.safe_dump(TUNE), params_text(), flags=re.MULTILINE)
    (project / "params.yaml").write_text(own, encoding="utf-8")
    set_params(project, n_estimators="2", max_depth="2")
    before = (project / "params.yaml").read_text(encoding="utf-8")
    tune(project, "--apply")
    after = (project / "params.yaml").read_text(encoding="utf-8")
    pairs = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    best = trials(project).iloc[0]
    assert sorted(b.split("#")[0].split() for _, b in pairs) == [[f"{name}:", str(int(best[name]))] for name in SPACE]
    assert [b.split("#")[1] for _, b in pairs] == [a.split("#")[1] for a, _ in pairs]
    tune(project)
    assert "nothing better than the present values was found" in capsys.readouterr().out


@pytest.fixture
def offered(project, capsys):
    """Give a project whose present model is poor, and the experiment with another family that the search offers."""
    write_params(project, TUNE | POOR | {"tune.models": ["logistic_regression", "decision_tree"]})
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": {"cmd": "true", "params": ["train"]}}}))
    git_init(project, commit=False)
    run("git add -A && git commit -qm Start", project)
    tune(project, "--trials", "2")
    output = capsys.readouterr().out
    (command,) = re.findall("^dvc exp run .*$", output, re.MULTILINE)
    return project, output, command


def test_a_better_family_is_offered_and_dvc_takes_the_experiment(offered):
    project, output, command = offered
    assert set(trials(project)["model"]) == {"extra_trees", "logistic_regression", "decision_tree"}
    assert re.search(r"the best of each family:\n  extra_trees: 0\.\d{4} \(trial \d of 2\)\n  logistic_", output)
    best = trials(project).iloc[0]
    assert best["model"] == "logistic_regression"
    assert "params.yaml and remove max_depth, n_estimators there:\n\ntrain:\n  model: logistic_regression\n" in output
    run(command, project)
    train_params = load_params(project / "params.yaml").train
    assert train_params.hyperparameters == {"C": best["C"]}
    run("git checkout -q params.yaml", project)
    tune(project, "--trials", "2", "--apply")
    assert load_params(project / "params.yaml").train == train_params


def test_after_a_change_of_family_the_search_goes_on_in_its_own_space(offered, capsys):
    project, _, _ = offered
    tune(project, "--trials", "2", "--apply")
    with pytest.raises(PipelineError, match=r"logistic_regression has no such parameter.*Write tune\.space: \{\}"):
        tune(project)
    content = yaml.safe_load((project / "params.yaml").read_text())
    content["tune"] |= {"space": {}, "models": []}
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    capsys.readouterr()
    tune(project, "--trials", "2")
    output = capsys.readouterr().out
    assert "nothing better" in output
    assert "the best of each family" not in output


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        (["--trials", "0"], {}, r"the command line:\n  trials = 0: .*greater than or equal to 1"),
        (["--minutes", "-1"], {}, r"minutes = -1\.0: .*greater than 0"),
        ([], {"tune.space": {"leaves": {"low": 1, "high": 2}}}, r"tune\.space\.leaves: extra_trees has no such"),
        ([], {"train.model": "forest"}, "train.model = 'forest': unknown"),
        ([], {"tune.models": ["ridge"]}, "tune.models: .*'ridge': not for a binary task"),
    ],
)
def test_a_mistake_is_told_before_anything_is_fitted(project, options, changes, words, monkeypatch):
    monkeypatch.setattr("lifecycle.models.training.fit", None)
    write_params(project, TUNE | changes)
    with pytest.raises(PipelineError, match=words):
        tune(project, *options)
    assert not (project / "data/tuning").exists()


def test_without_folds_it_says_what_makes_them(project):
    (project / "data/splits/folds.parquet").unlink()
    with pytest.raises(PipelineError, match=r"folds\.parquet: no such file; `dvc repro` makes it"):
        tune(project)


def finished(folder):
    """Return when the finished trials ended, by number, while another process adds to them."""
    if not (folder / "data/tuning/study.db").exists():
        return {}
    with contextlib.closing(sqlite3.connect(folder / "data/tuning/study.db", timeout=10)) as database:
        try:
            return dict(database.execute("select number, datetime_complete from trials where state = 'COMPLETE'"))
        except sqlite3.OperationalError:  # no table yet
            return {}


@pytest.mark.slow
def test_after_a_kill_the_same_trials_are_found_and_none_is_done_twice(project, tmp_path):
    whole = shutil.copytree(project, tmp_path / "whole")
    tune(whole, "--trials", "12")
    command = [sys.executable, str(SRC / "mlops.py"), "tune", "--trials", "12"]
    running = subprocess.Popen(command, cwd=project)
    while len(before := finished(project)) < 4:
        time.sleep(0.01)
        assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.wait()
    tune(project, "--trials", "12")
    pd.testing.assert_frame_equal(trials(project), trials(whole))
    assert before.items() <= finished(project).items()
