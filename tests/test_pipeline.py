"""The graph as a whole, in copies of reduced size: `dvc repro`, experiments, and what may go wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.junk_files import LEFTOVERS
from tests.conftest import run, set_params
from tests.graph import stages

FROM_TRAIN = list(stages())[list(stages()).index("train") :]

pytestmark = pytest.mark.slow


def stages_run(log: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", log)


def test_repro_runs_every_stage_in_graph_order_and_commits_to_nothing_else(reproduced: Path) -> None:
    assert stages_run((reproduced / "repro.log").read_text(encoding="utf-8")) == list(stages())
    assert run("git status --porcelain", reproduced).stdout == "?? repro.log\n"


def test_a_second_repro_runs_nothing(workspace: Path) -> None:
    assert "Data and pipelines are up to date." in run("dvc repro", workspace).stdout


def test_no_table_and_no_model_is_tracked_by_git(reproduced: Path) -> None:
    tracked = run("git ls-files", reproduced).stdout.split()
    assert not [name for name in tracked if name.endswith((".parquet", ".joblib"))]


@pytest.mark.nightly  # the page README.md has the same command, and its tests run that
def test_max_depth_reruns_train_and_what_follows_only(workspace: Path) -> None:
    done = run("dvc exp run -S train.max_depth=15", workspace)
    assert stages_run(done.stdout) == FROM_TRAIN
    assert json.loads((workspace / "models/hyperparameters.json").read_text())["hyperparameters"]["max_depth"] == 15
    shown = run("dvc exp show --only-changed --csv", workspace).stdout
    assert "train.max_depth" in shown
    assert "test.average_precision" in shown
    assert "train.n_estimators" not in shown
    changes = json.loads(run("dvc metrics diff --json", workspace).stdout)
    assert set(changes["metrics/evaluate/evaluation.json"]["test.average_precision"]) >= {"old", "new", "diff"}
    assert "train.max_depth" in run("dvc params diff", workspace).stdout
    page = workspace / "plots" / "index.html"
    run("dvc plots diff -o plots", workspace)
    titles = (
        "Precision and recall",
        "ROC",
        "Calibration",
        "Cost by threshold",
        "Confusion",
        "Scores",
        "Learning curve",
    )
    assert all(title in page.read_text(encoding="utf-8") for title in titles)


def test_an_inapplicable_hyperparameter_stops_the_experiment_and_names_the_way_out(workspace: Path) -> None:
    failed = run("dvc exp run -S train.model=logistic_regression", workspace, fails=True)
    assert "train.n_estimators = 20: logistic_regression has no such parameter; it has: C, " in failed.stderr
    assert "Traceback" not in failed.stderr
    keys = ("n_estimators", "max_depth", "min_samples_leaf", "max_features")
    removed = " ".join(f"-S '~train.{key}'" for key in keys)
    run(f"dvc exp run train -S train.model=logistic_regression {removed}", workspace)


def test_a_failing_stage_leaves_git_status_and_earlier_outputs_alone(workspace: Path) -> None:
    before = (workspace / ".gitignore").read_text(encoding="utf-8")
    set_params(workspace, max_feature_auc="0.51")
    assert "leak alarm" in run("dvc repro", workspace, fails=True).stderr
    assert (workspace / ".gitignore").read_text(encoding="utf-8") == before
    assert not [line for line in run("git status --porcelain", workspace).stdout.split() if line.endswith(".parquet")]
    assert (workspace / "data/features/features.parquet").is_file()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param("git clone -q --depth 1 file://$PWD/../workspace ../other", marks=pytest.mark.nightly),
        pytest.param("git worktree add -q ../other", marks=pytest.mark.nightly),
        pytest.param("git clone -q . ../other && git -C ../other checkout -q --detach", marks=pytest.mark.nightly),
    ],
    ids=["depth-1 clone", "worktree", "detached HEAD"],
)
def test_an_experiment_runs_in_any_kind_of_clone(workspace: Path, make: str) -> None:
    run(make, workspace)
    other = workspace.parent / "other"
    run(f"dvc cache dir --local {workspace / '.dvc' / 'cache'} && dvc checkout", other)
    run_again = stages_run(run("dvc exp run -S audit.min_positives=31", other).stdout)
    assert run_again == list(stages())[list(stages()).index("audit") :]


def test_without_a_commit_the_message_says_what_to_do(workspace: Path) -> None:
    run("rm -rf .git && git init -q", workspace)
    failed = run("python src/train.py", workspace, fails=True)
    assert failed.stderr.splitlines()[-1].startswith("error: DVCLive needs a repository with a commit")


@pytest.mark.nightly
def test_creditcard_takes_two_lines_and_the_file(clone: Path) -> None:
    write_creditcard(clone / "data/source/creditcard.csv")
    set_params(
        clone, problem="creditcard", path="data/source/creditcard.csv", n_estimators="20", bootstrap_samples="50"
    )
    run("git commit -qam Creditcard && dvc repro", clone)
    figures = json.loads((clone / "metrics/evaluate/evaluation.json").read_text())
    assert figures["test"]["average_precision"] > max(figures["baseline"].values())
    assert "entity_precision_at_100" not in figures["test"]
    rejected = json.loads((clone / "metrics/validate/data_quality.json").read_text())["data"]["rows_rejected"]
    assert rejected == 5


def test_a_changed_source_file_reruns_ingest(clone: Path) -> None:
    source = clone / "data/source/creditcard.csv"
    write_creditcard(source)
    set_params(clone, problem="creditcard", path="data/source/creditcard.csv")
    assert stages_run(run("dvc repro validate", clone).stdout) == ["ingest", "validate"]
    source.write_text(source.read_text().replace("0.5,", "0.25,", 1))
    assert stages_run(run("dvc repro validate", clone).stdout) == ["ingest", "validate"]


def write_creditcard(path: Path) -> None:
    """Write a made table of creditcard.csv's shape: two days, frauds that V1 and V2 tell together, 5 rows twice."""
    rng = np.random.default_rng(3)
    n = 12_000
    values = {f"V{i}": rng.normal(size=n).round(6) for i in range(1, 29)}
    fraud = (np.abs(values["V1"]) > 1.5) & (np.abs(values["V2"]) > 1.5) | (rng.random(n) < 0.002)
    table = {"Time": np.sort(rng.integers(0, 172_792, n)), **values, "Amount": rng.lognormal(3, 1, n).round(2)}
    frame = pd.DataFrame({**table, "Class": fraud.astype(int)})
    frame["V3"] = 0.5
    pd.concat([frame, frame.tail(5)]).to_csv(path, index=False)


@pytest.mark.slow
def test_what_file_managers_and_editors_leave_changes_nothing(workspace: Path) -> None:
    for folder in ("data/source", "src/lifecycle/core", "models/bundle", "metrics/train"):
        for name in (pattern.replace("?", "p").replace("*", "a.csv") for pattern in LEFTOVERS):
            (workspace / folder / name).write_text("left", encoding="utf-8")
    assert "up to date" in run("dvc status", workspace).stdout
    assert run("git status --porcelain data src models metrics", workspace).stdout == ""
    assert run("python src/mlops.py verify --bundle models/bundle", workspace).stdout.endswith("ok\n")
    assert "objects are whole" in run("python src/mlops.py doctor", workspace).stdout
