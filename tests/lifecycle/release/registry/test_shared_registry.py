"""A registry that several clones share: one wins, the others are told and keep nothing half."""

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry import release_steps, shared_registry
from lifecycle.release.registry.entry_drafts import Act, step_draft
from lifecycle.release.registry.ledger import append, head_of, read_ledger
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, sync, take_step
from lifecycle.release.registry.shared_registry import fetch, push
from tests.lifecycle.release.registry.helpers_registry import (
    ANN,
    ARTIFACT,
    BOB,
    be,
    git,
    ledger,
    tag_names,
)

PROD = Place("prod", None, "origin")
ACT, OTHER = Act(Person(*ANN), "of Ann"), Act(Person(*BOB), "of Bob")


@pytest.fixture(scope="module")
def shared(with_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with two clones of a bare remote, with two releases of which one answers."""
    folder = tmp_path_factory.mktemp("shared") / "folder"
    here, remote, other = folder / "here", folder / "remote.git", folder / "other"
    shutil.copytree(with_two, here)
    git(folder, "clone", "-q", "--bare", str(here), str(remote))
    with pytest.MonkeyPatch.context() as monkeypatch:
        be(ANN, monkeypatch)
        monkeypatch.chdir(here)
        git(here, "remote", "add", "origin", "../remote.git")
        fetch(ARTIFACT, "origin")
        push(read_ledger(ARTIFACT), "origin")
    git(folder, "clone", "-q", str(remote), str(other))
    git(other, "remote", "set-url", "origin", "../remote.git")
    return folder


@pytest.fixture
def clones(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """Give a copy of that, and stand in the first clone as Ann."""
    folder = shutil.copytree(shared, tmp_path / "copy")
    monkeypatch.chdir(folder / "here")
    be(ANN, monkeypatch)
    return folder / "here", folder / "other", folder / "remote.git"


def refs(folder):
    return sorted(line for line in git(folder, "for-each-ref", "refs/tags", "refs/release").splitlines())


def test_all_of_an_entry_arrives(clones):
    here, _, remote = clones
    assert refs(here) == refs(remote)


def test_who_was_slower_is_told_and_has_the_winners_tags(clones, monkeypatch):
    here, other, remote = clones
    monkeypatch.chdir(other)
    stale, _ = fetch(ARTIFACT, "origin")
    monkeypatch.chdir(here)
    take_step(PROD, "shadow", "v0.2.0", ACT)
    monkeypatch.chdir(other)
    be(BOB, monkeypatch)
    mine = append(stale, step_draft(stale, "prod", "reject", "v0.2.0", OTHER))
    with pytest.raises(
        PipelineError, match=r"somebody was faster: Ann has written 'v0.2.0 is in prod-shadow \(shadow\): of Ann'"
    ):
        push(mine, "origin", appended=1)
    assert refs(other) == refs(remote) == refs(here)


def test_who_comes_later_sees_what_happened_and_goes_on(clones, monkeypatch):
    here, other, remote = clones
    take_step(PROD, "shadow", "v0.2.0", ACT)
    monkeypatch.chdir(other)
    with pytest.raises(PipelineError, match="it is shadow; legal from here: canary, ab, reject"):
        take_step(PROD, "shadow", "v0.2.0", OTHER)
    take_step(PROD, "reject", "v0.2.0", OTHER)
    monkeypatch.chdir(here)
    assert fetch(ARTIFACT, "origin")[0].states("prod")["v0.2.0"] == "rejected"
    assert refs(here) == refs(other) == refs(remote)


def test_an_entry_that_was_never_pushed_is_taken_back_when_somebody_was_faster(clones, monkeypatch):
    here, other, remote = clones
    before = read_ledger(ARTIFACT)
    append(before, step_draft(before, "prod", "reject", "v0.2.0", ACT))  # and killed before the push
    monkeypatch.chdir(other)
    take_step(PROD, "shadow", "v0.2.0", OTHER)
    monkeypatch.chdir(here)
    found, told = fetch(ARTIFACT, "origin")
    assert found.states("prod")["v0.2.0"] == "shadow"
    assert told == [
        "taken back, it was never pushed and somebody was faster: v0.2.0 is in prod-rejected (reject): of Ann"
    ]
    assert refs(here) == refs(remote)


def test_an_entry_that_was_never_pushed_goes_with_the_next_sync(clones):
    here, _, remote = clones
    before = read_ledger(ARTIFACT)
    append(before, step_draft(before, "prod", "reject", "v0.2.0", ACT))
    assert "pushed to origin: 1 entries" in sync(PROD)
    assert refs(here) == refs(remote)


def test_two_registries_that_have_grown_apart_are_not_mixed(clones, monkeypatch):
    here, other, _ = clones
    mine = read_ledger(ARTIFACT)
    for step in ("shadow", "reject"):
        mine = append(mine, step_draft(mine, "prod", step, "v0.2.0", ACT))
    monkeypatch.chdir(other)
    take_step(PROD, "reject", "v0.2.0", OTHER)
    monkeypatch.chdir(here)
    before = refs(here)
    with pytest.raises(
        PipelineError, match="2 entries of this clone were never pushed, and origin has others from entry 4"
    ):
        fetch(ARTIFACT, "origin")
    assert refs(here) == before


@pytest.mark.parametrize("lost", ["model@v0.1.0", "model#prod#1"])
def test_a_tag_that_was_deleted_here_comes_back(clones, lost):
    here, _, remote = clones
    git(here, "tag", "-d", lost)
    fetch(ARTIFACT, "origin")
    assert refs(here) == refs(remote)


def test_a_remote_that_takes_nothing_changes_nothing(clones):
    here, _, remote = clones
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho only the release team may >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    before = refs(here)
    with pytest.raises(
        PipelineError, match=r"has not taken the tags, so nothing has changed: .*only the release team may"
    ):
        take_step(PROD, "shadow", "v0.2.0", ACT)
    assert refs(here) == refs(remote) == before


def _answers_lost(monkeypatch, remote=None):
    """Let a push arrive and its answer not; then the remote may be gone."""
    original = shared_registry.answer_of

    def answer_of(*arguments, **named):
        answer = original(*arguments, **named)
        if arguments[0] == "push" and remote is not None:
            remote.rename(remote.with_name("moved"))
        return answer._replace(status=1) if arguments[0] == "push" else answer

    monkeypatch.setattr(shared_registry, "answer_of", answer_of)


def test_a_push_that_has_arrived_counts_though_its_answer_is_lost(clones, monkeypatch):
    here, _, remote = clones
    _answers_lost(monkeypatch)
    take_step(PROD, "shadow", "v0.2.0", ACT)
    assert refs(here) == refs(remote)


def test_a_push_of_which_nothing_is_known_is_settled_by_the_next_sync(clones, monkeypatch):
    here, _, remote = clones
    with monkeypatch.context() as patched:
        _answers_lost(patched, remote)
        with pytest.raises(PipelineError, match="can't be reached"):
            take_step(PROD, "shadow", "v0.2.0", ACT)
    remote.with_name("moved").rename(remote)
    sync(PROD)
    assert refs(here) == refs(remote)
    assert ledger(here).states("prod")["v0.2.0"] == "shadow"


def test_a_remote_that_is_away_is_named_and_nothing_changes(clones):
    here, _, remote = clones
    remote.rename(remote.with_name("moved"))
    before = refs(here)
    with pytest.raises(PipelineError, match="the remote origin can't be reached"):
        take_step(PROD, "shadow", "v0.2.0", ACT)
    assert refs(here) == before
    with pytest.raises(PipelineError, match="there is no git remote elsewhere"):
        take_step(PROD._replace(remote="elsewhere"), "shadow", "v0.2.0", ACT)


def test_an_entry_that_another_process_of_this_clone_has_pushed_along_stays(clones):
    here, _, remote = clones
    before, _ = fetch(ARTIFACT, "origin")
    mine = append(before, step_draft(before, "prod", "shadow", "v0.2.0", ACT))
    take_step(PROD, "canary", "v0.2.0", OTHER._replace(share=0.1))  # begins with mine, and pushes both
    push(mine, "origin", appended=1)
    assert refs(here) == refs(remote)
    assert ledger(here).states("prod")["v0.2.0"] == "canary"


def _try(folder, number, gate, results):
    os.chdir(folder)
    ledger, _ = fetch(ARTIFACT, "origin")
    draft = step_draft(ledger, "prod", "shadow", number, ACT._replace(why=f"of {folder.name}"))
    gate.wait()
    try:
        push(append(ledger, draft), "origin", appended=1)
        results.put(folder.name)
    except PipelineError as error:
        results.put(str(error))


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.nightly)])
def test_of_four_clones_at_once_one_wins_each_round(clones, tmp_path, rounds):
    _, _, remote = clones
    folders = [tmp_path / f"clone{number}" for number in range(4)]
    for folder in folders:
        git(tmp_path, "clone", "-q", str(remote), str(folder))
    context = multiprocessing.get_context("fork")
    for _ in range(rounds):
        gate, results = context.Barrier(4), context.Queue()
        workers = [context.Process(target=_try, args=(folder, "v0.2.0", gate, results)) for folder in folders]
        for worker in workers:
            worker.start()
        said = [results.get(timeout=60) for _ in workers]
        for worker in workers:
            worker.join()
        (winner,) = [line for line in said if line.startswith("clone")]
        assert all(f"somebody was faster: Ann has written 'v0.2.0 is in prod-shadow (shadow): of {winner}'" in line
                   for line in said if line != winner)  # fmt: skip
        assert all(refs(folder) == refs(remote) for folder in folders)
        take_step(PROD, "reject", "v0.2.0", ACT)


def test_a_shallow_clone_without_tags_begins_no_registry_of_its_own(clones, tmp_path, monkeypatch):
    _, _, remote = clones
    folder = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", "--no-tags", f"file://{remote}", str(folder))
    monkeypatch.chdir(folder)
    alone = PROD._replace(remote=None)
    with pytest.raises(PipelineError, match="git fetch --tags origin"):
        take_step(alone, "shadow", "v0.2.0", ACT)
    git(folder, "checkout", "-q", "--detach")
    git(folder, "fetch", "-q", "--tags", "origin")
    take_step(alone, "shadow", "v0.2.0", ACT)
    assert ledger(folder).states("prod") == {"v0.1.0": "live", "v0.2.0": "shadow"}


def test_a_repository_without_a_head_on_the_remote_gets_one(clones):
    here, _, remote = clones
    git(remote, "update-ref", "-d", head_of(ARTIFACT))
    take_step(PROD, "shadow", "v0.2.0", ACT)
    assert refs(here) == refs(remote)
    assert "model#prod-shadow#2" in tag_names(remote)


def test_a_rollback_that_can_t_be_shared_is_kept_until_it_can(clones, monkeypatch):
    here, other, remote = clones
    prod = Place("prod", Path("serving"), "origin")
    for step in ("shadow", "canary", "promote"):
        take_step(prod, step, "v0.2.0", ACT._replace(share=0.1 if step == "canary" else 0.0))
    remote.rename(remote.with_name("moved"))
    told = release_steps.roll_back(prod, "alerts doubled")
    assert "not recorded in the registry yet" in told[-1]
    assert ledger(here).states("prod")["v0.2.0"] == "live"
    remote.with_name("moved").rename(remote)
    assert any("recorded: v0.2.0 is in prod-rejected" in line for line in sync(prod))
    monkeypatch.chdir(other)
    assert fetch(ARTIFACT, "origin")[0].states("prod") == {"v0.1.0": "live", "v0.2.0": "rejected"}
