"""The steps as one does them: the registry is the truth, the route follows, and a kill anywhere is mended."""

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lifecycle.bundle.manifest import read_manifest, verify
from lifecycle.core.errors import PipelineError
from lifecycle.release.registry import environment_route, release_steps, rollback
from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.identity import person_without_git
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, decide, register, roll_back, sync, take_step
from lifecycle.release.registry.rollback import UNRECORDED, unrecorded
from lifecycle.release.route import change_route, read_route
from tests.lifecycle.release.registry.helpers_registry import (
    ANN,
    BOB,
    be,
    commit_model,
    git,
    ledger,
    write_small_bundle,
)

ACT = Act(Person(*ANN), "a reason")
SERVING = Path("serving")
PROD = Place("prod", SERVING)


@pytest.fixture
def two(repository):
    """Stand where v0.1.0 answers and v0.2.0 is registered; return both versions."""
    return [release.version for release in ledger().releases.values()]


def canary(share=0.05):
    take_step(PROD, "shadow", "v0.2.0", ACT)
    take_step(PROD, "canary", "v0.2.0", ACT._replace(share=share))


def test_the_route_follows_each_step(two):
    first, second = two
    seen = []
    for step, share in (("shadow", 0.0), ("canary", 0.05), ("canary", 0.25), ("ab", 0.5), ("promote", 0.0)):
        take_step(PROD, step, "v0.2.0", ACT._replace(share=share))
        route = read_route(SERVING)
        seen.append((route.mode, route.champion, route.challenger, route.previous, route.share))
        assert {path.name for path in (SERVING / "bundles").iterdir()} - {"lock"} == set(route.versions)
        assert all(verify(SERVING / "bundles" / version).version == version for version in route.versions)
    assert seen == [
        ("shadow", first, second, "", 0.0),
        ("canary", first, second, "", 0.05),
        ("canary", first, second, "", 0.25),
        ("ab", first, second, "", 0.5),
        ("single", second, "", first, 0.0),
    ]


def test_a_ramp_keeps_its_salt_and_the_next_trial_has_another(two):
    canary()
    salt = read_route(SERVING).salt
    take_step(PROD, "canary", "v0.2.0", ACT._replace(share=0.5))
    assert read_route(SERVING).salt == salt != ""
    take_step(PROD, "reject", "v0.2.0", ACT)
    commit_model(Path.cwd(), "ccc")
    register(PROD, "third", "v1.0.0", "minor")
    take_step(PROD, "shadow", "v1.0.0", ACT)
    take_step(PROD, "canary", "v1.0.0", ACT._replace(share=0.5))
    assert read_route(SERVING).salt not in ("", salt)


def test_the_evidence_is_in_the_tag(two):
    entry = ledger().entries[-1]
    digests = entry.evidence
    assert digests["bundle"][:12] == two[1]
    found = git(Path.cwd(), "show", f"{entry.tags[0].commit}:metrics/evaluate/evaluation.json").encode()
    assert digests["metrics"] == {"metrics/evaluate/evaluation.json": hashlib.sha256(found).hexdigest()}


def test_every_step_carries_the_digests_of_its_release(two):
    take_step(PROD, "shadow", "v0.2.0", ACT._replace(evidence={"gates": [{"name": "offline", "state": "pass"}]}))
    registered, shadow = ledger().entries[-2:]
    assert {key: shadow.evidence[key] for key in ("bundle", "metrics")} == {
        key: registered.evidence[key] for key in ("bundle", "metrics")
    }
    assert shadow.evidence["gates"] == [{"name": "offline", "state": "pass"}]


def test_what_is_not_committed_is_no_release(new_repository):
    (new_repository / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"not committed: dvc\.lock"):
        register(PROD, "why", None, "minor")


def test_a_bundle_that_is_nowhere_is_no_release(new_repository):
    shutil.rmtree(new_repository / "models/bundle")
    shutil.rmtree(new_repository / ".dvc/cache")
    with pytest.raises(PipelineError, match=r"neither in models/bundle nor in DVC's cache"):
        register(PROD, "why", None, "minor")


def test_a_bundle_of_the_workspace_that_is_another_commits_is_not_taken(new_repository):
    wanted = read_manifest(new_repository / "models/bundle").version
    write_small_bundle(new_repository / "models/bundle", "of an experiment")
    assert register(PROD, "why", None, "minor").version == wanted


def test_a_bundle_that_is_lost_comes_back_from_the_cache(two):
    canary()
    shutil.rmtree(SERVING)
    shutil.rmtree("models/bundle")
    sync(PROD)
    assert read_route(SERVING).versions == tuple(two)
    assert {path.name for path in (SERVING / "bundles").iterdir()} - {"lock"} == set(two)


def test_a_damaged_bundle_beside_the_route_is_replaced(two):
    (SERVING / "bundles" / two[0] / "model.onnx").write_bytes(b"damaged")
    sync(PROD)
    verify(SERVING / "bundles" / two[0])


def test_a_damaged_object_in_the_cache_is_not_served(two):
    for path in Path(".dvc/cache/files/md5").rglob("*"):
        if path.is_file() and path.read_bytes() == b"model.onnx of a\n":
            path.write_bytes(b"model.onnx of x\n")
    before = read_route(SERVING)
    shutil.rmtree(SERVING / "bundles" / two[0])
    with pytest.raises(PipelineError, match="neither in models/bundle nor"):
        sync(PROD)
    assert read_route(SERVING) == before


def test_a_route_that_can_t_be_read_is_written_anew(two):
    before = read_route(SERVING)
    (SERVING / "route.json").write_text("{", encoding="utf-8")
    sync(PROD)
    assert read_route(SERVING).versions == before.versions
    assert (SERVING / "route.json.broken").read_text(encoding="utf-8") == "{"


def test_sync_twice_changes_nothing_the_second_time(two):
    canary()
    sync(PROD)
    before = (SERVING / "route.json").read_bytes(), git(Path.cwd(), "for-each-ref")
    sync(PROD)
    assert ((SERVING / "route.json").read_bytes(), git(Path.cwd(), "for-each-ref")) == before


def test_an_environment_on_another_machine_gets_the_tags_only(two):
    elsewhere = Place("test")
    _, told = take_step(elsewhere, "promote", "v0.2.0", ACT)
    assert told == ["the route of test follows where it stands: release sync"]
    assert read_route(SERVING).champion == two[0]
    assert ledger().states("test") == {"v0.1.0": "registered", "v0.2.0": "live"}


def killed(function, *patches):
    """Run a function in a child process that ends, as by kill -9, where a patched one is called."""
    child = os.fork()
    if child == 0:
        try:
            for module, name, after in patches:
                setattr(module, name, _ends(getattr(module, name), after))
            function()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _ends(original, after):
    def ends(*arguments, **named):
        if after:
            original(*arguments, **named)
        os._exit(9)

    return ends


def state():
    """Return all that a step leaves behind, but the time and so the names of objects."""
    found = read_route(SERVING)
    route = None if found is None else (found.mode, found.champion, found.challenger, found.previous, found.share)
    bundles = sorted(path.name for path in (SERVING / "bundles").iterdir())
    return ledger().states("prod"), route, bundles, unrecorded(SERVING), [entry.step for entry in ledger().entries]


STEP_KILLS = {
    "before the tags": (release_steps, "append", False),
    "after the tags": (release_steps, "append", True),
    "while a bundle is fetched": (environment_route, "fetch_bundle", True),
    "after the bundles": (environment_route, "place_bundle", True),
    "before the route": (environment_route, "change_route", False),
    "after the route": (environment_route, "change_route", True),
}


@pytest.mark.parametrize("patch", STEP_KILLS.values(), ids=STEP_KILLS)
def test_a_step_that_was_killed_is_finished_or_was_never_begun(two, patch):
    def step():
        take_step(PROD, "shadow", "v0.2.0", ACT)

    killed(step, patch)
    sync(PROD)
    if ledger().states("prod")["v0.2.0"] == "registered":
        assert patch[1:] == ("append", False)
        step()
    after = state()
    assert after[:2] == ({"v0.1.0": "live", "v0.2.0": "shadow"}, ("shadow", two[0], two[1], "", 0.0))
    assert after[2] == sorted([*two, "lock"])
    sync(PROD)
    assert state() == after


ROLLBACK_KILLS = {
    "after the event": (rollback, "_write", True),
    "after the route": (release_steps, "take_back", True),
    "after the tags": (release_steps, "append", True),
    "after the event is gone": (release_steps, "forget", True),
}


@pytest.mark.parametrize("patch", ROLLBACK_KILLS.values(), ids=ROLLBACK_KILLS)
def test_a_rollback_that_was_killed_is_finished(two, patch):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    killed(lambda: roll_back(PROD, "alerts doubled"), patch)
    sync(PROD)
    states, route, _, events, steps = state()
    assert states == {"v0.1.0": "live", "v0.2.0": "rejected"}
    assert route == ("single", two[0], "", "", 0.0)
    assert events == []
    assert steps.count("rollback") == 1


def test_a_rollback_needs_neither_git_nor_cache_nor_bundles_nor_a_graph(two):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    for path in (".dvc", "models", "serving/bundles"):
        shutil.rmtree(path)
    Path(".git").rename("git-moved")
    Path("dvc.yaml").rename("dvc-moved")
    told = roll_back(PROD, "alerts doubled")
    assert read_route(SERVING).champion == two[0]
    assert "`release sync` does it" in told[-1]
    (event,) = json.loads((SERVING / UNRECORDED).read_bytes())
    assert (event["taken"], event["answers"], event["why"]) == (two[1], two[0], "alerts doubled")


def test_an_unrecorded_rollback_is_recorded_before_anything_else(two):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    Path(".git").rename("moved")
    roll_back(PROD, "alerts doubled")
    Path("moved").rename(".git")
    commit_model(Path.cwd(), "ccc")
    register(PROD, "third", None, "minor")
    assert [entry.step for entry in ledger().entries[-2:]] == ["rollback", "register"]
    assert read_route(SERVING).champion == two[0]
    assert unrecorded(SERVING) == []


def test_a_rollback_takes_the_challenger_first_then_the_champion(two):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    commit_model(Path.cwd(), "ccc")
    register(PROD, "third", None, "minor")
    take_step(PROD, "shadow", "v0.3.0", ACT)
    take_step(PROD, "canary", "v0.3.0", ACT._replace(share=0.05))
    roll_back(PROD, "errors")
    assert ledger().states("prod") == {"v0.1.0": "previous", "v0.2.0": "live", "v0.3.0": "rejected"}
    roll_back(PROD, "still errors")
    assert ledger().states("prod") == {"v0.1.0": "live", "v0.2.0": "rejected", "v0.3.0": "rejected"}
    with pytest.raises(PipelineError, match="no earlier version to go back to"):
        roll_back(PROD, "more errors")
    assert unrecorded(SERVING) == []


def test_a_rollback_keeps_what_only_looks_on(two):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    commit_model(Path.cwd(), "ccc")
    register(PROD, "third", None, "minor")
    take_step(PROD, "shadow", "v0.3.0", ACT)
    roll_back(PROD, "errors")
    route = read_route(SERVING)
    assert (route.mode, route.champion, route.challenger) == ("shadow", two[0], ledger().releases["v0.3.0"].version)
    assert sync(PROD)[-1].startswith(f"route {route.epoch} of serving is, as before,")


def test_rollbacks_without_a_person_are_counted_until_one_changes_the_route(two):
    canary()
    roll_back(PROD, "silence", automatic=True)
    assert read_route(SERVING).automatic == 1
    assert ledger().entries[-1].automatic
    sync(PROD)
    assert read_route(SERVING).automatic == 1
    canary()
    assert read_route(SERVING).automatic == 0


def test_a_rollback_that_the_registry_has_passed_by_leaves_it_and_rejects_the_bad_one(two):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    Path(".git").rename("moved")
    roll_back(PROD, "alerts doubled")
    Path("moved").rename(".git")
    event = (SERVING / UNRECORDED).read_bytes()
    (SERVING / UNRECORDED).unlink()
    commit_model(Path.cwd(), "ccc")
    register(Place("prod"), "third", None, "minor")
    for step in ("shadow", "canary", "promote"):
        take_step(Place("prod"), step, "v0.3.0", ACT)
    (SERVING / UNRECORDED).write_bytes(event)
    sync(PROD)
    assert ledger().states("prod") == {"v0.1.0": "retired", "v0.2.0": "rejected", "v0.3.0": "live"}
    assert read_route(SERVING).champion == ledger().releases["v0.3.0"].version


def test_a_rollback_on_another_machine_is_an_entry_only(two):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    roll_back(Place("prod"), "from afar")
    assert ledger().states("prod") == {"v0.1.0": "live", "v0.2.0": "rejected"}
    assert read_route(SERVING).champion == two[1]
    sync(PROD)
    assert read_route(SERVING).champion == two[0]


def test_a_second_person_approves_what_the_first_has_asked_for(two, monkeypatch):
    def shadow(act, approve):
        return decide(PROD, ledger(), "shadow", "v0.2.0", act, approve=approve)

    entry, told = shadow(ACT, False)
    assert (entry.step, entry.asked) == ("ask", "shadow")
    assert told == ["another person does it: the same command with --approve"]
    with pytest.raises(PipelineError, match="Ann has asked for it already"):
        shadow(ACT, False)
    with pytest.raises(PipelineError, match="Ann has asked for it, so somebody else has to approve it"):
        shadow(ACT, True)
    be(BOB, monkeypatch)
    entry, _ = shadow(Act(Person(*BOB), "seen"), True)
    assert (entry.who, entry.asked_by) == (Person(*BOB), Person(*ANN))
    with pytest.raises(PipelineError, match="nobody has asked for it"):
        decide(PROD, ledger(), "canary", "v0.2.0", Act(Person(*BOB), "seen"), approve=True)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_rollback_while_the_route_is_made_to_follow_is_not_undone(two, monkeypatch, recorded):
    canary()
    take_step(PROD, "promote", "v0.2.0", ACT)
    before = read_route(SERVING)
    change_route(SERVING, lambda route: replace(route, champion=two[0], previous=""))  # so that there is some work
    original = environment_route._readable_route

    def meanwhile(folder):
        found = original(folder)
        change_route(folder, lambda _: before)
        with contextlib.nullcontext() if recorded else hidden(Path(".git")):
            roll_back(PROD, "errors")
        return found

    with monkeypatch.context() as patched, pytest.raises(PipelineError, match="the registry has gone on meanwhile"):
        patched.setattr(environment_route, "_readable_route", meanwhile)
        sync(PROD)
    assert read_route(SERVING).champion == two[0]
    sync(PROD)
    assert (read_route(SERVING).champion, unrecorded(SERVING)) == (two[0], [])


@contextlib.contextmanager
def hidden(path):
    path.rename("hidden")
    yield
    Path("hidden").rename(path)


def test_a_damaged_list_of_rollbacks_stops_no_rollback(two, capsys):
    canary()
    (SERVING / UNRECORDED).write_text("[{", encoding="utf-8")
    with pytest.raises(PipelineError, match="damaged, so a rollback may be unknown"):
        sync(PROD)
    roll_back(PROD, "errors")
    assert read_route(SERVING).mode == "single"
    assert ledger().states("prod")["v0.2.0"] == "rejected"
    assert "unrecorded.json.broken" in capsys.readouterr().err


def test_without_git_the_account_of_the_machine_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "operator")
    assert person_without_git().name == "operator"


def _ramp_for_ever():
    for share in itertools.cycle((0.1, 0.2, 0.3)):
        take_step(PROD, "canary", "v0.2.0", ACT._replace(share=share))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4))
def test_sigkill_at_random_moments_leaves_what_sync_mends(two, seed):
    """Kill the process and the git that it runs; a lock that git leaves behind is named, and removed by hand."""
    canary()
    chance, context = random.Random(seed), multiprocessing.get_context("fork")
    for _ in range(25):
        worker = context.Process(target=_ramp_for_ever)
        worker.start()
        time.sleep(chance.uniform(0.0, 0.3))
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        worker.join()
        for lock in Path(".git").rglob("*.lock"):
            with pytest.raises(PipelineError, match=re.escape(lock.name)):
                take_step(PROD, "canary", "v0.2.0", ACT._replace(share=chance.uniform(0.4, 0.9)))
            lock.unlink()
        sync(PROD)
        found = ledger()
        assert not found.missing and not found.strays
        assert found.head == found.tip
        assert read_route(SERVING).share == found.last("v0.2.0", "prod").share
        git(Path.cwd(), "fsck", "--strict")
    assert len(found.entries) > 6
