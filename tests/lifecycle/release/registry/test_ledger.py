"""The ledger: a chain that two can't write at once, nobody changes unseen, and a killed process leaves whole."""

import multiprocessing
import subprocess

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry import ledger as ledgers
from lifecycle.release.registry.entry_drafts import Act, registration, request_draft, step_draft
from lifecycle.release.registry.ledger import Ledger, Release, append, complete, read_ledger
from lifecycle.release.registry.ledger_entry import Person
from tests.lifecycle.release.registry.helpers_registry import ANN, ARTIFACT, be, git, tag_names

ACT = Act(Person(*ANN), "a reason")


def more(folder, count):
    """Register further releases, each at a commit of its own."""
    ledger = read_ledger(ARTIFACT)
    for number in range(1, count + 1):
        git(folder, "commit", "-q", "--allow-empty", "-m", f"Release {number}")
        commit = git(folder, "rev-parse", "HEAD").strip()
        ledger = append(ledger, registration(ledger, Release(f"v1.{number}.0", f"{number:012x}", commit), ACT))


def test_what_is_appended_is_read(repository):
    before = read_ledger(ARTIFACT)
    ledger = append(before, step_draft(before, "test", "promote", "v0.2.0", ACT))
    again = read_ledger(ARTIFACT)
    assert (again.entries, again.objects, again.head) == (ledger.entries, ledger.objects, ledger.head)
    assert again.states("prod") == {"v0.1.0": "live", "v0.2.0": "registered"}
    assert again.states("test") == {"v0.1.0": "registered", "v0.2.0": "live"}
    assert not again.missing and not again.strays
    git(repository, "fsck", "--strict")


def test_a_release_is_found_by_number_and_by_bundle(repository):
    ledger = read_ledger(ARTIFACT)
    assert ledger.release("v0.2.0") == ledger.release(ledger.releases["v0.2.0"].version)
    with pytest.raises(PipelineError, match=r"known: v0.1.0, v0.2.0"):
        ledger.release("v9.0.0")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"number": "v0.2.0"}, "v0.2.0 is taken"),
        ({"commit": None}, "commit .* already"),
        ({"version": None}, "bundle"),
    ],
)
def test_a_release_is_registered_once(repository, change, words):
    ledger = read_ledger(ARTIFACT)
    new = Release("v1.0.0", "a" * 12, "b" * 40)
    known = ledger.releases["v0.2.0"]._asdict()
    same = {key: known[key] for key in change}
    with pytest.raises(PipelineError, match=words):
        registration(ledger, new._replace(**same), ACT)


def test_who_was_slower_is_told_who_was_faster_and_writes_nothing(repository, monkeypatch):
    ledger = read_ledger(ARTIFACT)
    append(ledger, step_draft(ledger, "prod", "shadow", "v0.2.0", ACT._replace(why="to see")))
    before = git(repository, "for-each-ref")
    be(("Bob", "bob@example.org"), monkeypatch)
    with pytest.raises(
        PipelineError, match=r"somebody was faster: Ann has written 'v0.2.0 is in prod-shadow \(shadow\): to see'"
    ):
        append(ledger, step_draft(ledger, "prod", "reject", "v0.2.0", ACT))
    assert git(repository, "for-each-ref") == before


def _reject(number, gate, results):
    ledger = read_ledger(ARTIFACT)
    gate.wait()
    try:
        append(ledger, step_draft(ledger, "prod", "shadow", number, ACT._replace(why=f"try {number}")))
        results.put(number)
    except PipelineError as error:
        results.put(str(error))


@pytest.mark.parametrize("rounds", [1, pytest.param(30, marks=pytest.mark.nightly)])
def test_of_four_at_once_one_wins_each_round(repository, rounds):
    more(repository, 4)
    context = multiprocessing.get_context("fork")
    for _ in range(rounds):
        gate, results = context.Barrier(4), context.Queue()
        workers = [context.Process(target=_reject, args=(f"v1.{number}.0", gate, results)) for number in range(1, 5)]
        for worker in workers:
            worker.start()
        said = sorted(results.get(timeout=60) for _ in workers)
        for worker in workers:
            worker.join()
        won = [line for line in said if line.startswith("v1.")]
        assert len(won) == 1
        assert all("somebody was faster: Ann has written" in line for line in said if line not in won)
        ledger = read_ledger(ARTIFACT)
        assert [number for number, state in ledger.states("prod").items() if state == "shadow"] == won
        assert not ledger.missing and not ledger.strays
        append(ledger, step_draft(ledger, "prod", "reject", won[0], ACT))


def _refs(folder):
    return dict(reversed(line.split()[::2]) for line in git(folder, "for-each-ref").splitlines())


@pytest.mark.parametrize("kept", range(5))
def test_a_transaction_that_was_cut_is_finished_from_what_there_is(repository, kept):
    before = read_ledger(ARTIFACT)
    second = append(before, step_draft(before, "prod", "shadow", "v0.2.0", ACT))
    whole = append(second, step_draft(second, "prod", "canary", "v0.2.0", ACT._replace(share=0.1)))
    refs = _refs(repository)
    new = [ledgers.head_of(ARTIFACT), *(f"refs/tags/{tag.tag}" for tag in whole.entries[-1].tags)]
    for ref in (new[1:], new[:1], new[:2], [new[0], new[2]], [])[kept]:
        git(repository, "update-ref", *((ref, second.head) if ref == new[0] else ("-d", ref)))
    torn = read_ledger(ARTIFACT)
    assert torn.entries == whole.entries  # it counts as soon as one ref of it is there
    complete(torn)
    assert _refs(repository) == refs
    assert complete(read_ledger(ARTIFACT)) == []


def test_an_entry_that_was_taken_out_is_missed(repository):
    git(repository, "tag", "-d", "model#prod#1")
    with pytest.raises(PipelineError, match="entry 2 is missing or was changed"):
        read_ledger(ARTIFACT)


def test_an_entry_that_was_changed_is_noticed(repository):
    content = git(repository, "cat-file", "-p", "refs/tags/model#prod#1").replace("nothing answers yet", "it is better")
    name = subprocess.check_output(["git", "mktag"], cwd=repository, input=content, text=True).strip()
    git(repository, "update-ref", "refs/tags/model#prod#1", name)
    with pytest.raises(PipelineError, match="missing or was changed"):
        read_ledger(ARTIFACT)


def test_the_newest_entry_comes_back_from_the_head(repository):
    git(repository, "tag", "-d", "model@v0.2.0")
    ledger = read_ledger(ARTIFACT)
    assert ledger.missing == ("model@v0.2.0",)
    complete(ledger)
    assert read_ledger(ARTIFACT).missing == ()


def test_a_fresh_clone_reads_it_from_the_tags_alone(repository, tmp_path, monkeypatch):
    ledger = read_ledger(ARTIFACT)
    git(tmp_path, "clone", "-q", str(repository), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    read = read_ledger(ARTIFACT)
    assert (read.head, read.entries) == ("", ledger.entries)
    assert append(read, step_draft(read, "prod", "shadow", "v0.2.0", ACT)).entries[:-1] == ledger.entries


def test_tags_of_other_programs_are_told_and_passed_over(repository):
    git(repository, "tag", "-a", "model#prod#99", "-m", "by hand")
    git(repository, "tag", "model@v7.0.0")
    git(repository, "tag", "-a", "v1.0", "-m", "of something else")
    ledger = read_ledger(ARTIFACT)
    assert ledger.strays == ("model#prod#99", "model@v7.0.0")
    assert ledger.states("prod")["v0.1.0"] == "live"
    after = append(ledger, step_draft(ledger, "prod", "shadow", "v0.2.0", ACT))
    assert after.entries[-1].tags[0].tag == "model#prod-shadow#100"


def test_times_rise_whatever_the_clock_says(repository, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-01-01T00:00:00+00:00")
    before = read_ledger(ARTIFACT)
    after = append(before, step_draft(before, "prod", "shadow", "v0.2.0", ACT))
    assert (after.entries[-1].at - before.entries[-1].at).total_seconds() == 1


def test_a_lock_that_a_killed_git_left_is_named(repository, monkeypatch):
    ledger = read_ledger(ARTIFACT)
    monkeypatch.setattr(ledgers, "PATIENCE", 0.1)
    (repository / ".git/refs/release/model.lock").touch()
    with pytest.raises(PipelineError, match=r"can't write the tags: .*model\.lock"):
        append(ledger, step_draft(ledger, "prod", "shadow", "v0.2.0", ACT))


def test_without_a_name_it_says_what_to_set(repository, monkeypatch):
    ledger = read_ledger(ARTIFACT)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    monkeypatch.setenv("HOME", str(repository))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("EMAIL", raising=False)
    with pytest.raises(PipelineError, match=r"git config user\.name"):
        append(ledger, step_draft(ledger, "prod", "shadow", "v0.2.0", ACT))


def test_a_request_is_open_until_something_happens_to_the_version(repository):
    ledger = read_ledger(ARTIFACT)
    ledger = append(ledger, request_draft(ledger, "prod", "shadow", "v0.2.0", ACT))
    assert ledger.request("v0.2.0", "prod", "shadow") == ledger.entries[-1]
    assert ledger.request("v0.2.0", "test", "shadow") is None
    assert ledger.states("prod")["v0.2.0"] == "registered"
    ledger = append(ledger, step_draft(ledger, "prod", "reject", "v0.2.0", ACT))
    assert read_ledger(ARTIFACT).request("v0.2.0", "prod", "shadow") is None


def test_without_entries_there_is_nothing(new_repository):
    assert read_ledger(ARTIFACT) == Ledger(ARTIFACT)
    assert tag_names(new_repository) == []


def test_a_reason_is_needed(repository):
    ledger = read_ledger(ARTIFACT)
    with pytest.raises(PipelineError, match="--why"):
        step_draft(ledger, "prod", "shadow", "v0.2.0", ACT._replace(why="  "))
