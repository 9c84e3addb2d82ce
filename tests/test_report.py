"""The report of a real change, on a copy of reduced size: what it says, what it writes, how it ends."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params, checked
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.problem.loading import load_problem
from lifecycle.report.verdict import verdict
from lifecycle.repository.revision_files import out_hash
from tests.conftest import run, set_params
from tests.graph import ROOT
from tests.params import params_content

REPORT = "python src/mlops.py report"


@pytest.fixture(scope="module")
def shallow_trees(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy in which the trees have been cut to a depth of 2, not committed. Copy it to change it."""
    folder = shutil.copytree(reproduced, tmp_path_factory.mktemp("worse") / "copy", symlinks=True)
    set_params(folder, max_depth="2")
    run("dvc repro", folder)
    return folder


@pytest.fixture
def changed(shallow_trees: Path, tmp_path: Path) -> Path:
    return shutil.copytree(shallow_trees, tmp_path / "changed", symlinks=True)


def lose_scores(folder: Path) -> None:
    """Remove the base's table of scores from the cache."""
    base = yaml.safe_load(run("git show HEAD:dvc.lock", folder).stdout)
    md5 = out_hash(base, "data/scores/test.parquet")
    assert md5
    path = folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.chmod(0o644)
    path.unlink()


@pytest.mark.slow
def test_a_worse_model_fails_the_gate_after_the_report_is_written(changed):
    done = run(f"{REPORT} --html --plain", changed, fails=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: Worse, and the gate fails: average_precision is 0.")
    written = (changed / "report/report.md").read_text(encoding="utf-8")
    assert written.splitlines()[2].startswith("**Worse, and the gate fails:** `average_precision` is 0.")
    assert re.search(r"\| `train.max_depth` \| `14` \| `2` \|", written)
    assert re.search(r"\| `average_precision` \|.*↓ worse \|", written)
    assert "Compared record by record on" in written
    assert re.search(r"\| `train` \| `train.max_depth` \| \d of \d \| +\d+\.\d s \|", written)
    titles = re.findall("^## (.*)$", written, re.MULTILINE)
    assert titles == ["Metrics", "Params", "Data", "Plots", "Slices and groups", "Features", "Stages that ran"]
    for name in re.findall(r'(?:src|srcset)="([^"]+)"', written):
        assert (changed / "report" / name).read_bytes().startswith(b"\x89PNG")
    assert run("git status --porcelain report", changed).stdout == ""
    assert "Worse, and the gate fails:" in done.stdout
    assert "<picture>" not in (changed / "report/comment.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_same_model_passes_and_the_same_report_comes_out_twice(workspace):
    first = run(f"{REPORT} --html", workspace)
    assert first.stdout.startswith("No difference, and the gate passes: average_precision is 0.")
    files = {path.name: path.read_bytes() for path in (workspace / "report").iterdir()}
    run(f"{REPORT} --html", workspace, PYTHONHASHSEED="5", LC_ALL="C")
    assert {path.name: path.read_bytes() for path in (workspace / "report").iterdir()} == files
    written = files["report.md"].decode()
    assert "the scores are equal, bit for bit" in written
    assert "None: every stage has the inputs that it had in the base." in written
    assert "No value has changed." in written
    assert "↓" not in written
    assert run("dvc status", workspace).stdout.startswith("Data and pipelines are up to date")


@pytest.mark.slow
def test_without_the_scores_of_the_base_it_says_how_to_build_them_and_builds_them(changed):
    lose_scores(changed)
    loose = run(f"{REPORT} --plain", changed, fails=True)
    assert "`" not in loose.stdout
    assert "python src/mlops.py report --base main --build-base builds it" in " ".join(loose.stdout.split())
    built = run(f"{REPORT} --plain --build-base", changed, fails=True)
    assert "Compared record by record" in built.stdout
    assert "is not what its dvc.lock says" not in built.stdout
    assert len(run("git worktree list", changed).stdout.splitlines()) == 1
    assert run("git status --porcelain src metrics models", changed).stdout.count("\n") > 0


@pytest.mark.slow
def test_params_that_have_not_been_run_are_told(workspace):
    set_params(workspace, min_samples_leaf="7")
    said = run(f"{REPORT} --plain", workspace).stdout
    assert "Not run yet: train.min_samples_leaf changed after the last run" in said


@pytest.mark.slow
def test_a_clone_without_the_base_says_what_to_fetch(workspace, tmp_path):
    run(f"git clone -q --depth=1 file://{workspace} shallow", tmp_path)
    failed = run(f"{REPORT} --base HEAD~1", tmp_path / "shallow", fails=True)
    assert "error: --base HEAD~1: no such commit here; this clone is shallow" in failed.stderr
    assert "git fetch --unshallow origin" in failed.stderr


@pytest.mark.slow
def test_in_a_clone_without_tables_the_same_model_passes_and_nothing_is_built(workspace, tmp_path):
    run(f"git clone -q {workspace} fresh", tmp_path)
    said = " ".join(run(f"{REPORT} --base HEAD --build-base --plain", tmp_path / "fresh").stdout.split())
    assert "No difference, and the gate passes" in said
    assert "Both name the same table of scores by its hash" in said
    assert "+0.0000 to +0.0000" in said


@pytest.mark.slow
def test_in_a_clone_without_a_checkout_the_tables_come_from_the_cache(workspace, tmp_path):
    run(f"git clone -q {workspace} fresh && cd fresh && dvc cache dir -q --local {workspace}/.dvc/cache", tmp_path)
    assert "Compared record by record" in run(f"{REPORT} --base HEAD --plain", tmp_path / "fresh").stdout


class Side:
    """A version with a figure and its interval, but no table of scores."""

    name, commit = "base", "0" * 40

    def __init__(self, value: float, scores: pd.DataFrame | None = None, rule: dict | None = None) -> None:
        self.value, self.scores, self.rule = value, scores, rule

    def json(self, path: str) -> dict:
        found = {
            "metrics/evaluate/evaluation.json": {"average_precision": self.value},
            "metrics/evaluate/intervals.json": {"average_precision": [self.value - 0.003, self.value + 0.003]},
        }
        decision = AlertDecision(Calibration("none"), 0.5, 5.0, "amount", None, {}).as_json()
        return {"test": found[path]} if path in found else decision if path == "models/decision.json" else {}

    def yaml(self, path: str) -> dict:
        return {} if self.rule is None else {"report": self.rule}

    def table(self, path: str) -> pd.DataFrame | None:
        return self.scores

    def md5(self, path: str) -> str | None:
        return None


def params(margin: float, metric: str = "average_precision"):
    found = checked(Params, params_content(), "params.yaml")
    return found.model_copy(update={"report": found.report.model_copy(update={"margin": margin, "metric": metric})})


@pytest.mark.parametrize(
    ("value", "margin", "passes", "opening"),
    [(0.7, 0.01, True, "No"), (0.7, 0.003, False, "No"), (0.69, 0.02, True, "Worse"), (0.72, 0.0, True, "Better")],
)
def test_the_gate_is_on_the_margin_not_on_the_verdict(value, margin, passes, opening):
    problem = load_problem("transactions")
    found = verdict(Side(0.7), Side(value), params(margin), problem)
    assert found.passes is passes
    assert found.reason.startswith(opening)
    assert found.reason.count(". ") == 0  # one sentence
    assert f"average_precision is {value:.4f} against 0.7000 of base" in found.reason
    assert found.reason.endswith(f"and {margin:g} is allowed.")


def test_a_change_cannot_loosen_the_gate_that_it_has_to_pass():
    rule = {"metric": "average_precision", "margin": 0.003}
    assert not verdict(Side(0.7, rule=rule), Side(0.7), params(0.5), load_problem("transactions")).passes
    assert verdict(Side(0.7, rule={"margin": "?"}), Side(0.7), params(0.5), load_problem("transactions")).passes


def scores(seed: int = 0, rows: int = 400, first: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < 0.3).astype(np.int8)
    score = np.clip(target * 0.4 + rng.random(rows) * 0.6, 0, 1)
    times = pd.Timestamp("2018-08-08") + pd.to_timedelta(np.arange(first, first + rows), "min")
    columns = {"transaction_id": np.arange(first, first + rows), "tx_time": times, "is_fraud": target}
    return pd.DataFrame(columns).assign(
        customer_id=np.arange(rows) % 50, amount=10.0, score=score, probability=score, alert=0
    )


def test_other_records_of_the_same_keys_are_not_compared_one_by_one():
    problem = load_problem("transactions")
    found = verdict(Side(0.7, scores(0)), Side(0.7, scores(1)), params(0.01), problem)
    assert found.how.startswith("The two test windows do not hold the same records")
    apart = verdict(Side(0.7, scores(0)), Side(0.7, scores(0, first=400)), params(0.01), problem)
    assert apart.how == found.how


def test_the_shared_records_of_two_windows_are_compared_one_by_one():
    head = scores().iloc[100:].assign(score=lambda table: 1 - table["score"])
    found = verdict(Side(0.7, scores()), Side(0.7, head), params(0.01), load_problem("transactions"))
    assert not found.passes
    assert found.reason.startswith("Worse")
    assert found.how.startswith("Compared record by record on 300 records (100 are in the base only, 0 in")


def test_equal_scores_pass_without_any_margin():
    found = verdict(Side(0.7, scores()), Side(0.7, scores()), params(0.0), load_problem("transactions"))
    assert found.passes
    assert found.figures["average_precision"].value == 0


def test_a_figure_that_nobody_has_is_refused_with_those_that_there_are():
    with pytest.raises(PipelineError, match=r"report.metric = 'profit'.*they have average_precision"):
        verdict(Side(0.7), Side(0.7), params(0.01, "profit"), load_problem("transactions"))


def test_the_committed_gate_is_on_a_figure_that_there_is():
    metric = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["report"]["metric"]
    evaluation = json.loads((ROOT / "metrics/evaluate/evaluation.json").read_text(encoding="utf-8"))["test"]
    assert metric in evaluation, f"report.metric = {metric} of params.yaml is none of {', '.join(evaluation)}"
