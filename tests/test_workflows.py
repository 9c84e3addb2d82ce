"""The workflows are valid, harmless, and run nothing that README, Makefile or .ci does not have; here it is run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import environment, run, set_params
from tests.docs import blocks
from tests.graph import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
CI = ROOT / ".github/workflows/ci.yml"
REPORT, TRAIN, RETRAIN = (CI.with_name(f"{name}.yml") for name in ("report", "train", "retrain"))
# The only jobs that may write, and what: a comment; a branch and the pull request that is opened for it.
MAY_WRITE = {
    ("report.yml", "comment"): {"pull-requests"},
    ("train.yml", "train"): {"contents", "pull-requests"},
    ("retrain.yml", "retrain"): {"contents", "pull-requests"},
}
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
SCHEMA = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
AUDIT = ["zizmor", "--offline", "--persona", "auditor", "--no-progress"]


def tool(command, *paths):
    """Run a tool of the lock, beside this Python or on the PATH; its absence is a failure."""
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(command[0], path=place)
    assert found, f"{command[0]} is not installed; it is in requirements.lock: make lint installs it"
    done = subprocess.run([found, *command[1:], *paths], check=False, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def jobs(workflow):
    return yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]


def run_lines(workflow):
    steps = (step for job in jobs(workflow).values() for step in job["steps"] if "run" in step)
    return [line for step in steps for line in step["run"].splitlines()]


def makefile_targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def scripts():
    return {f".ci/{path.name}" for path in (ROOT / ".ci").iterdir() if os.access(path, os.X_OK)}


def readme_lines():
    """Return the README's commands, and what they are on Windows."""
    lines = {line for block in blocks(ROOT / "README.md") if block.language == "sh" for line in block.text.splitlines()}
    return lines | {line.replace("python3", "python").replace("/bin/", "/Scripts/") for line in lines}


def test_there_is_a_workflow():
    assert CI in WORKFLOWS


def test_the_workflows_follow_the_schema():
    code, output = tool(SCHEMA, *WORKFLOWS)
    assert code == 0, output


def test_the_audit_finds_nothing():
    code, output = tool(AUDIT, ROOT / ".github/workflows")
    assert code == 0, output
    assert "No findings to report" in output
    assert not any("zizmor: ignore" in workflow.read_text(encoding="utf-8") for workflow in WORKFLOWS)


@pytest.mark.parametrize(
    ("command", "good", "bad", "complaint"),
    [
        (SCHEMA, "runs-on:", "run-on:", "'runs-on' is a required property"),
        (SCHEMA, "timeout-minutes: 15", "timeout-minutes: soon", "timeout-minutes"),
        (AUDIT, "persist-credentials: false", "persist-credentials: true", "artipacked"),
        (AUDIT, "permissions: {}", "permissions: write-all", "excessive-permissions"),
        (AUDIT, "pull_request:", "pull_request_target:", "dangerous-triggers"),
        (AUDIT, "run: make lint", "run: echo ${{ github.head_ref }}", "template-injection"),
    ],
)
def test_the_tools_complain_of_a_mistake(tmp_path, command, good, bad, complaint):
    text = CI.read_text(encoding="utf-8")
    assert good in text
    spoilt = tmp_path / ".github/workflows/ci.yml"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_text(text.replace(good, bad, 1), encoding="utf-8")
    code, output = tool(command, spoilt)
    assert code != 0
    assert complaint in output


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_with_its_version(workflow):
    lines = [line for line in workflow.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert [line for line in lines if not PINNED.fullmatch(line.strip(" -"))] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_ends_and_may_do_little(workflow):
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {}
    for name, job in jobs(workflow).items():
        assert 0 < job["timeout-minutes"] <= 60, name
        written = {scope for scope, access in job["permissions"].items() if access == "write"}
        assert written == MAY_WRITE.get((workflow.name, name), set()), name
        assert set(job["permissions"].values()) <= {"read", "write"}, name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_line_is_a_make_target_a_script_or_stands_in_the_readme(workflow):
    known = {f"make {target}" for target in makefile_targets()} | scripts() | readme_lines()
    assert [line for line in run_lines(workflow) if line not in known] == []


def test_the_matrix_has_every_python_that_the_project_promises():
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    low, high = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", promised).groups())
    versions = jobs(CI)["test"]["strategy"]["matrix"]["python"]
    assert versions == [f"3.{minor}" for minor in range(low, high)]


def test_a_pull_request_of_a_fork_meets_no_token_that_may_write():
    assert "pull_request_target" not in REPORT.read_text(encoding="utf-8")
    condition = jobs(REPORT)["comment"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    tokens = [name for name, job in jobs(REPORT).items() if "token" in str(job["steps"])]
    assert tokens == ["comment"]


@pytest.mark.parametrize("workflow", [TRAIN, RETRAIN], ids=lambda path: path.stem)
def test_the_job_that_trains_gets_no_token_before_the_step_that_proposes(workflow):
    steps = jobs(workflow)[workflow.stem]["steps"]
    assert [step["run"] for step in steps if "github.token" in str(step)] == [".ci/propose"]
    assert all(step["with"]["persist-credentials"] is False for step in steps if "checkout" in step.get("uses", ""))


@pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda path: path.name)
def test_scripts_are_whole_and_can_be_run(script):
    assert os.access(script, os.X_OK)
    if script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n"):
        assert "\nset -euo pipefail\n" in script.read_text(encoding="utf-8")
        subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ("train.max_depth=5; touch owned", "'5;'|'touch'|'train.max_depth=5;'"),
        ("train.max_depth=$(touch owned)", "is not like"),
        ("--queue", "is not like"),
        ("-S train.max_depth=5", "is not like"),
        ("train.max_depth=choice(5,6)", "is not like"),
        ("train.model=../../evil", "is not like"),
        ("`id`", "is not like"),
        (" ".join(["train.max_depth=5"] * 21), "too many"),
    ],
)
def test_params_that_are_more_than_a_name_and_a_value_are_refused(tmp_path, params, complaint):
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    failed = run(".ci/train", tmp_path, fails=True, PARAMS=params)
    assert re.search(complaint, failed.stderr)
    assert "error: PARAMS: " in failed.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".ci"]


def stand_in(folder, *names):
    """Write executables that note how they were called, instead of the programs that would talk to GitHub."""
    for name in names:
        path = folder / "stand-ins" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls.txt"\n', encoding="utf-8")
        path.chmod(0o755)
    return str(folder / "stand-ins")


@pytest.fixture
def runner(reproduced, tmp_path):
    """Give what a runner has: a clone of an origin, the environment that `make` would install, and GitHub's names."""
    run(f"git clone -q --bare {reproduced} {tmp_path}/origin.git", tmp_path)
    run(f"git clone -q {tmp_path}/origin.git checkout", tmp_path)
    checkout = tmp_path / "checkout"
    (checkout / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (checkout / ".venv" / part).symlink_to(Path(sys.prefix) / part)
    (checkout / ".venv/.ready").touch()
    shutil.copytree(reproduced / ".dvc/cache", checkout / ".dvc/cache", symlinks=True)
    tools = stand_in(tmp_path, "cml", "gh")
    names = {"GITHUB_STEP_SUMMARY": f"{tmp_path}/summary.md", "GITHUB_RUN_ID": "77", "GITHUB_REPOSITORY": "o/r"}
    names |= {"GITHUB_SERVER_URL": "https://github.test"}
    names["PATH"] = os.pathsep.join([tools, str(Path(sys.executable).parent), os.environ["PATH"]])
    return checkout, names


def run_steps(job, folder, names, **more):
    """Run the steps of a job in order, as a runner does: after one that fails, nothing but what says otherwise."""
    for step in (step for step in job["steps"] if "run" in step):
        own = {key: more.get(key, "") for key in step.get("env", {})}
        done = subprocess.run(
            step["run"],
            shell=True,
            cwd=folder,
            env=environment(**names, **own),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return step["run"], done
    return None, done


@pytest.mark.slow
def test_the_report_of_a_pull_request_step_by_step(runner, tmp_path):
    checkout, names = runner
    run("git switch -q -c change", checkout)
    set_params(checkout, max_depth="2")
    run("git commit -qam 'Cut the trees' && git branch -q -D main", checkout)
    names |= {"GITHUB_BASE_REF": "main"}
    failed, done = run_steps(jobs(REPORT)["report"], checkout, names)
    assert failed == ".ci/report", done.stderr
    assert "error: Worse, and the gate fails: average_precision is 0." in done.stderr
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("# Model report\n\n**Worse, and the gate fails:**")
    assert "(https://github.test/o/r/actions/runs/77)" in summary
    assert (checkout / "report/report.html").is_file()
    failed, _ = run_steps(jobs(REPORT)["comment"], checkout, names, PR_NUMBER="12", REPO_TOKEN="secret")
    assert failed is None
    (call,) = (tmp_path / "calls.txt").read_text(encoding="utf-8").splitlines()
    assert call == "cml comment update --target=pr/12 --publish=false report/comment.md"
    assert (checkout / "report/comment.md").stat().st_size < 65_536


@pytest.mark.slow
def test_a_report_that_cannot_be_written_leaves_its_reason_in_the_summary(runner, tmp_path):
    checkout, names = runner
    run(".ci/report", checkout, fails=True, **names, GITHUB_BASE_REF="gone")
    assert "error: --base gone: no such commit here" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "no report to post" in run(".ci/comment", checkout, PR_NUMBER="1").stdout


@pytest.mark.nightly
def test_a_training_run_step_by_step(runner, tmp_path):
    checkout, names = runner
    failed, done = run_steps(jobs(TRAIN)["train"], checkout, names, PARAMS="decide.cost_false_positive=6.0")
    assert failed is None, done.stderr
    calls = (tmp_path / "calls.txt").read_text(encoding="utf-8").splitlines()
    assert calls[0] == "gh auth setup-git"
    assert calls[1].startswith("gh pr create --base main --head experiments/train-77-1 --title Train with decide.cost")
    assert (
        "cost_false_positive: 6.0" in run("git show experiments/train-77-1:params.yaml", tmp_path / "origin.git").stdout
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "status"), [("", 0), pytest.param("train.max_depth=1", 1, marks=pytest.mark.nightly)]
)
def test_what_changes_nothing_or_fails_the_gate_is_not_proposed(runner, tmp_path, params, status):
    checkout, names = runner
    failed, done = run_steps(jobs(TRAIN)["train"], checkout, names, PARAMS=params)
    assert (failed, done.returncode) == ((".ci/train", 1) if status else (None, 0)), done.stderr
    assert not (tmp_path / "calls.txt").exists()
    assert run("git branch --list experiments/*", tmp_path / "origin.git").stdout == ""


def retrain_here(folder, status, **variables):
    """Run .ci/retrain with programs in their places that do nothing and end with a status."""
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (folder / "report").mkdir()
    (folder / "report/retraining.json").write_text('{"branch": "retrain/2026-11-30"}', encoding="utf-8")
    tools = stand_in(folder, "python", "dvc", "git")
    with (folder / "stand-ins/python").open("a", encoding="utf-8") as file:
        file.write(f'case "$*" in *"release retrain"*) exit {status};; esac\n')
    python = Path(sys.executable).name
    (folder / "stand-ins/python3").symlink_to(Path(sys.executable).with_name(python))
    place = os.pathsep.join([tools, os.environ["PATH"]])
    command = f"{sys.executable} .ci/retrain"
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment(**variables) | {"PATH": place}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done, (folder / "report/proposal.txt").is_file(), (folder / "calls.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("status", "ends", "proposed"), [(0, 0, True), (20, 0, False), (21, 21, False), (1, 1, False)])
def test_only_a_new_version_that_passes_is_proposed(status, ends, proposed, tmp_path):
    done, has_proposal, calls = retrain_here(tmp_path, status, ALARM="null")
    assert (done.returncode, has_proposal) == (ends, proposed), done.stderr
    assert "python src/mlops.py release retrain\n" in calls


def test_an_alarm_that_asked_is_handed_on(tmp_path):
    _, _, calls = retrain_here(tmp_path, 20, ALARM='{"class": "concept"}')
    assert "release retrain --findings report/findings" in calls
    assert (tmp_path / "report/findings/alarms.json").read_text() == '{"alarms": [{"class": "concept"}]}'


def test_new_records_that_no_remote_would_keep_are_not_proposed(tmp_path):
    done, has_proposal, calls = retrain_here(tmp_path, 0, NEW_URL="https://example.org/a.csv?x=1", NEW_SHA256="0" * 64)
    assert "https://example.org/a.csv?x=1" in calls
    assert "release retrain --new data/downloads/a.csv" in calls
    assert (done.returncode, has_proposal) == (1, False)
    assert "no DVC remote is configured" in done.stderr
