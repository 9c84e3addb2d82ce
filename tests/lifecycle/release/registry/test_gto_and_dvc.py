"""gto and DVC themselves, on what the command has written: they show the same versions in the same stages."""

import json
import random
import shutil
from pathlib import Path

import pytest

from lifecycle.bundle.manifest import verify
from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, register, take_step
from lifecycle.release.registry.released_commit import artifact_name
from lifecycle.release.registry.transitions import legal_steps, stage_of
from tests.conftest import run
from tests.lifecycle.release.registry.helpers_registry import ANN, ARTIFACT, commit_model, ledger

PROD, ACT = Place("prod"), Act(Person(*ANN), "a reason")


def stages_in_gto(folder):
    """Return the versions by stage, as gto shows them."""
    from gto.api import _get_state

    versions = _get_state(str(folder)).artifacts[ARTIFACT].versions
    return {(stage.stage, version.version) for version in versions for stage in version.get_vstages()}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 10))])
def test_gto_shows_the_same_stages_on_every_walk(repository, seed):
    commit_model(repository, "ccc")
    register(PROD, "third", None, "minor")
    chance = random.Random(seed)
    for _ in range(10):
        states = ledger().states("prod")
        number, step = chance.choice([(number, step) for number in states for step in legal_steps(states, number)])
        take_step(PROD, step, number, ACT._replace(share=0.1 if step in ("canary", "ab") else 0.0))
        states = ledger().states("prod")
        ours = {(stage_of("prod", state), number) for number, state in states.items() if state != "registered"}
        assert stages_in_gto(repository) == ours


def test_the_command_line_of_gto_shows_what_happened(repository):
    take_step(PROD, "shadow", "v0.2.0", ACT)
    assert "│ model  │ v0.2.0   │ v0.1.0  │ v0.2.0         │" in run("gto show", repository).stdout
    happened = json.loads(run(f"gto history {ARTIFACT} --json", repository).stdout)
    assert {(event["event"], event.get("version"), event.get("stage"), event["ref"]) for event in happened} == {
        ("registration", "v0.1.0", None, "model@v0.1.0"),
        ("assignment", "v0.1.0", "prod", "model#prod#1"),
        ("registration", "v0.2.0", None, "model@v0.2.0"),
        ("assignment", "v0.2.0", "prod-shadow", "model#prod-shadow#2"),
    }


def test_gto_counts_on_from_our_tags_and_ours_from_its(repository):
    printed = run("gto assign model --version v0.2.0 --stage qa", repository).stdout
    assert "model#qa#2" in printed
    take_step(PROD, "shadow", "v0.2.0", ACT)
    assert ledger().entries[-1].tags[0].tag == "model#prod-shadow#3"
    assert ledger().strays == ("model#qa#2",)


def fetched(folder, target, **which):
    from dvc.repo.artifacts import Artifacts

    Artifacts.get(str(folder), ARTIFACT, out=str(target), **which)
    return verify(target).version


def test_dvc_fetches_a_version_and_the_one_in_a_stage(repository, tmp_path):
    first, second = (release.version for release in ledger().releases.values())
    shutil.rmtree("models")
    assert fetched(repository, tmp_path / "version", version="v0.1.0") == first
    assert fetched(repository, tmp_path / "newest") == second
    for step in ("shadow", "canary", "promote"):
        take_step(PROD, step, "v0.2.0", ACT._replace(share=0.1 if step == "canary" else 0.0))
    assert fetched(repository, tmp_path / "prod", stage="prod") == second
    assert fetched(repository, tmp_path / "previous", stage="prod-previous") == first
    take_step(PROD, "rollback", "v0.2.0", ACT)
    assert fetched(repository, tmp_path / "again", stage="prod") == first
    assert fetched(repository, tmp_path / "rejected", stage="prod-rejected") == second


def test_the_project_declares_the_artifact_that_the_command_takes():
    assert artifact_name(Path(__file__).parents[4] / "dvc.yaml") == ARTIFACT


@pytest.mark.parametrize(
    "artifacts, words",
    [
        ("{}", "found: none"),
        ("{model: {path: models/other}}", "found: none"),
        ("{one: {path: models/bundle}, two: {path: models/bundle}}", "found: one, two"),
        ("{'${problem}': {path: models/bundle}}", "can't be a name"),
    ],
)
def test_without_one_artifact_with_a_name_it_says_what_to_declare(tmp_path, artifacts, words):
    (tmp_path / "dvc.yaml").write_text(f"stages: {{}}\nartifacts: {artifacts}\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=words):
        artifact_name(tmp_path / "dvc.yaml")
