"""The workflows are valid, harmless, and run nothing that the README or the Makefile does not have."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.docs import blocks
from tests.graph import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
CI = ROOT / ".github/workflows/ci.yml"
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
        assert "write" not in job["permissions"].values(), name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_line_is_a_make_target_or_stands_in_the_readme(workflow):
    targets = {f"make {target}" for target in makefile_targets()}
    assert [line for line in run_lines(workflow) if line not in targets | readme_lines()] == []


def test_the_matrix_has_every_python_that_the_project_promises():
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    low, high = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", promised).groups())
    versions = jobs(CI)["test"]["strategy"]["matrix"]["python"]
    assert versions == [f"3.{minor}" for minor in range(low, high)]
