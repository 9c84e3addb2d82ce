"""The command as people type it: what it prints, what it refuses, and what it needs."""

from pathlib import Path

import pytest
import yaml

from lifecycle.core.errors import PipelineError
from lifecycle.release.evidence.gate_result import Check, gate_result
from lifecycle.release.release_command import next_share, release
from lifecycle.release.release_options import parse
from lifecycle.release.route import read_route
from tests.conftest import run
from tests.graph import ROOT
from tests.lifecycle.release.evidence.helpers_arms import release_params
from tests.lifecycle.release.registry.helpers_registry import ANN, BOB, be, ledger

GATE = release_params().canary


@pytest.fixture(autouse=True)
def _open_gates(monkeypatch):
    """Let every gate open: they have tests of their own, and these bundles hold no model."""
    open_gate = gate_result([Check("all", 1, 1, "passes", "All is well.")])
    monkeypatch.setattr("lifecycle.release.release_gates.registration_checks", lambda *_: open_gate)
    monkeypatch.setattr("lifecycle.release.release_gates.step_gate", lambda *_: None)


def said(capsys, *words):
    release(words)
    return capsys.readouterr().out.splitlines()


def set_release(**values):
    content = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    content["release"] |= values
    Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def test_a_version_goes_its_way(repository, capsys):
    first, second = (one.version for one in ledger().releases.values())
    assert said(capsys, "shadow", "v0.2.0", "--why", "to compare") == [
        "v0.2.0 is in prod-shadow (shadow): to compare",
        f"route 2 of serving is now {first}, shadow {second}",
    ]
    assert said(capsys, "canary", second, "--why", "better")[0] == "v0.2.0 is in prod-canary with 5% (canary): better"
    assert said(capsys, "canary", "v0.2.0", "--why", "calm")[1].endswith(f"is now {first}, canary {second} with 25%")
    assert said(capsys, "promote", "v0.2.0", "--why", "calm") == [
        "v0.2.0 is in prod, v0.1.0 is in prod-previous (promote): calm",
        f"route 5 of serving is now {second}",
    ]
    assert said(capsys, "rollback", "--why", "too many alerts") == [
        f"route 6: {first} answers, {second} is taken back",
        "recorded: v0.2.0 is in prod-rejected, v0.1.0 is in prod (rollback): too many alerts",
    ]
    history = said(capsys, "history")
    assert [line.split("(")[1].split(")")[0] for line in history if "(" in line] == [
        "promote", "shadow", "canary", "canary", "promote", "rollback",
    ]  # fmt: skip
    assert all("  Ann  " in line for line in history)


def test_an_experiment_has_the_share_of_params_and_its_plan_starts_nothing(repository, capsys, monkeypatch):
    said(capsys, "shadow", "v0.2.0", "--why", "to compare")
    monkeypatch.setattr("lifecycle.release.release_gates.experiment_plan", lambda _: ["12 days"])
    before = len(ledger().entries)
    assert said(capsys, "ab", "v0.2.0", "--why", "clicks", "--plan") == ["12 days"]
    assert len(ledger().entries) == before
    said(capsys, "ab", "v0.2.0", "--why", "clicks")
    assert (ledger().entries[-1].share, read_route(Path("serving")).mode) == (0.5, "ab")


@pytest.mark.parametrize(
    "given, before, share", [(None, 0.0, 0.05), (None, 0.05, 0.25), (None, 0.1, 0.25), (0.4, 0.05, 0.4)]
)
def test_a_canary_takes_the_next_step(given, before, share):
    assert next_share(given, before, GATE) == share


@pytest.mark.parametrize("given, before", [(0.0, 0.0), (1.5, 0.0), (float("nan"), 0.0), (0.25, 0.25), (None, 1.0)])
def test_a_share_that_is_none_is_refused(given, before):
    with pytest.raises(PipelineError, match=r"share|promote it"):
        next_share(given, before, GATE)


def test_a_step_of_params_needs_a_second_person(repository, capsys, monkeypatch):
    set_release(approval=["shadow"])
    assert said(capsys, "shadow", "v0.2.0", "--why", "please") == [
        "v0.2.0 in prod: shadow is asked for: please",
        "another person does it: the same command with --approve",
    ]
    assert "! Ann asks for: shadow v0.2.0. Another person approves it: release shadow v0.2.0 --approve" in said(
        capsys, "status"
    )
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    with pytest.raises(PipelineError, match="somebody else has to approve"):
        release(["shadow", "v0.2.0", "--approve", "--why", "me again"])
    be(BOB, monkeypatch)
    monkeypatch.setenv("GITHUB_ACTOR", "bob")
    said(capsys, "shadow", "v0.2.0", "--approve", "--why", "seen")
    assert said(capsys, "history")[-1].split("  ")[1] == "Bob (CI: bob), asked by Ann"
    set_release(approval=["canary"])
    be(ANN, monkeypatch)
    said(capsys, "canary", "v0.2.0", "--share", "0.2", "--why", "please")
    assert "v0.2.0 in prod: canary is asked for with 20%: please" in said(capsys, "history")[-1]
    be(BOB, monkeypatch)
    with pytest.raises(PipelineError, match="approved is what was asked for"):
        release(["canary", "v0.2.0", "--approve", "--share", "0.9", "--why", "more"])
    said(capsys, "canary", "v0.2.0", "--approve", "--why", "seen")
    assert read_route(Path("serving")).share == 0.2
    set_release(approval=[])
    with pytest.raises(PipelineError, match="needs no second person"):
        release(["canary", "v0.2.0", "--approve", "--why", "seen"])


def test_other_environments_are_shown_beside_it(repository, capsys):
    said(capsys, "promote", "v0.2.0", "--environment", "test", "--why", "try it there")
    lines = said(capsys, "status")
    assert [line for line in lines if line.startswith("model in")] == ["model in prod", "model in test"]
    assert said(capsys, "status", "--environment", "test")[0] == "model in test"
    assert len(said(capsys, "history", "--environment", "test")) == 3


@pytest.mark.parametrize(
    "words",
    [
        ["shadow", "v0.2.0"],
        ["register"],
        ["rollback"],
        [],
        ["register", "--bump", "x", "--why", "y"],
        ["status", "--environment", "qa"],
    ],
)
def test_what_is_missing_is_asked_for(words, capsys):
    with pytest.raises(SystemExit):
        parse(words)
    assert "usage" in capsys.readouterr().err


def test_errors_are_words_not_tracebacks(repository):
    Path("src").symlink_to(ROOT / "src")
    done = run("python src/mlops.py release promote v0.2.0 --why x", repository, fails=True)
    assert done.stderr.startswith("error: promote v0.2.0: it is registered; legal from here: shadow, reject, retire")
