"""The report of a real change, on a copy of reduced size: what it says, what it writes, how it ends."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from lifecycle.core.headline_metric import HEADLINES
from lifecycle.problem.loading import load_problem
from lifecycle.repository.revision_files import out_hash
from tests.conftest import run, set_params
from tests.graph import ROOT

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
    assert titles == [
        "Metrics",
        "Warnings",
        "Params",
        "Data",
        "Plots",
        "Slices and groups",
        "Features",
        "Stages that ran",
    ]
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


@pytest.mark.nightly
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


def test_the_committed_gate_is_on_a_figure_that_there_is():
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    metric = params["report"]["metric"] or HEADLINES[load_problem(params["problem"]).task].name
    evaluation = json.loads((ROOT / "metrics/evaluate/evaluation.json").read_text(encoding="utf-8"))["test"]
    assert metric in evaluation, f"report.metric = {metric} of params.yaml is none of {', '.join(evaluation)}"
