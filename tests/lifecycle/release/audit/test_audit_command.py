import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from benchmarks.tampering import anchors_of_now, decision, rewrite, write_log
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit import audit_writer
from lifecycle.release.audit.audit_anchors import anchors_of
from lifecycle.release.audit.audit_chain import records_of, segments
from lifecycle.release.audit.audit_command import audit
from lifecycle.release.audit.audit_retention import old_segments, prune
from lifecycle.release.audit.audit_verification import verify
from lifecycle.release.audit.audit_writer import ChainWriter
from lifecycle.release.audit.pseudonyms import Keyring
from tests.graph import ROOT


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def log(tmp_path, monkeypatch) -> Path:
    """Give a log of decisions, and a repository with a server as the working folder."""
    repository, server = tmp_path / "repository", tmp_path / "server"
    git(tmp_path, "init", "-q", "--bare", str(server))
    git(tmp_path, "init", "-q", str(repository))
    for name, value in (("user.name", "A"), ("user.email", "a@b.c")):
        git(repository, "config", name, value)
    git(repository, "remote", "add", "origin", str(server))
    git(repository, "commit", "-q", "--allow-empty", "-m", "Start")
    (repository / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(repository)
    monkeypatch.setenv("SERVE_AUDIT", str(tmp_path / "decisions"))
    monkeypatch.setenv("SERVE_AUDIT_KEYS", str(tmp_path / "keys"))
    write_log(tmp_path / "decisions", records=6, longest=800)
    return tmp_path / "decisions"


def said(capsys, *arguments: str) -> str:
    audit(arguments)
    return capsys.readouterr().out


def test_anchors_are_tags_that_a_rewritten_chain_does_not_fit(log, tmp_path, capsys) -> None:
    printed = said(capsys, "anchor", "--remote", "origin")
    assert re.search(r"^audit/decisions/chain-0/\d{4}-\d\d-\d\d: record 6$", printed, re.MULTILINE)
    assert git(tmp_path / "server", "tag") == git(Path(), "tag")
    assert {anchor[1:] for anchor in anchors_of(log, Path())} == {anchor[1:] for anchor in anchors_of_now(log)}
    assert "chain-1: records 1 to 6 are whole; 0 not yet anchored" in said(capsys, "verify")
    assert said(capsys, "anchor") == "every chain's newest record has its anchor already\n"
    import random

    rewrite(log, random.Random(0))
    with pytest.raises(
        PipelineError, match=r"the first broken record of each chain:\n.*rewritten: .* audit/decisions/"
    ):
        audit(["verify"])
    with pytest.raises(PipelineError, match="rewritten"):
        audit(["anchor"])  # what is broken gets no new anchor


def test_a_second_anchor_of_a_day_has_a_name_of_its_own(log, capsys) -> None:
    said(capsys, "anchor")
    writer = ChainWriter(log / "chain-0")
    writer.append([decision("more", 0)])
    assert re.search(r"chain-0/\d{4}-\d\d-\d\d\.2: record 7", said(capsys, "anchor"))
    assert "0 not yet anchored" in said(capsys, "verify")


@pytest.mark.parametrize("arguments", [("tag",), ("tag", "-a", "-m", "record 6 nothing")])
def test_a_tag_that_is_no_anchor_is_told(log, arguments) -> None:
    git(Path(), *arguments, "audit/decisions/chain-0/2026-01-01")
    with pytest.raises(PipelineError, match=r"chain-0/2026-01-01: no anchor of the audit log; `git fetch --tags"):
        audit(["verify"])


def test_a_server_that_is_away_and_a_folder_that_git_can_not_name_are_told(log, tmp_path) -> None:
    with pytest.raises(PipelineError, match="the server did not take the anchors"):
        audit(["anchor", "--remote", str(tmp_path / "nothing")])
    with pytest.raises(PipelineError, match="the folder's name stands in tags of git"):
        audit(["verify", "--log", str(tmp_path / "a b")])


def test_a_decision_is_shown_with_what_came_after_it(log, capsys) -> None:
    note = ("note", "0-3", "--row", "3", "--kind", "override", "--value", "pass", "--by", "Ada")
    assert said(capsys, *note) == "record 6 of the events\n"
    shown = said(capsys, "show", "0-3")
    decided, overruled = shown.split("\n\n")
    assert decided.startswith("decision, record 4 of chain-0\n")
    assert re.search(r"^  score +0\.3$", decided, re.MULTILINE)
    assert overruled.startswith("override, record 6 of events\n")
    assert re.search(r"^  by +Ada$", overruled, re.MULTILINE)
    with pytest.raises(PipelineError, match="no decision on row 0 of request 0-3"):
        audit(["note", "0-3", "--kind", "label", "--value", "1", "--by", "Ada"])
    with pytest.raises(PipelineError, match="no such decision"):
        audit(["show", "0-33"])


def test_an_entity_s_decisions_are_found_until_it_is_erased(log, tmp_path, capsys) -> None:
    with pytest.raises(PipelineError, match="no file of keys"):
        audit(["erase", "4"])
    (name,) = Keyring(tmp_path / "keys").of(["4"])
    writer = ChainWriter(log / "chain-0")
    fields = audit_writer.canonical({"entity": name.text, "request_id": "about 4"})
    writer.append([("start", b'{"git":"0a1b"}'), ("decision", fields)])
    shown = said(capsys, "show", "--entity", "4")
    assert re.search(r"^  request_id +about 4$", shown, re.MULTILINE)
    assert re.search(r"^  code +0a1b$", shown, re.MULTILINE)
    assert "pseudonyms are made with key" in said(capsys, "rotate")
    assert said(capsys, "show", "--entity", "4") == shown
    assert said(capsys, "erase", "4").startswith("1 keys are destroyed")
    for action in (["show", "--entity", "4"], ["erase", "4"]):
        with pytest.raises(PipelineError, match="4: no key is held"):
            audit(action)
    assert "chain-0: records 1 to 8 are whole" in said(capsys, "verify")


def aged(log: Path) -> None:
    """Make the segments of a chain so old that its newest is of the year 2000, each a day older than the next."""
    found = segments(log / "chain-0")
    for place, segment in enumerate(found):
        segment.path.rename(log / "chain-0" / f"{segment.first:015d}-2000-01-{place + 1:02d}.jsonl")


def test_old_segments_are_removed_and_the_log_says_by_whom(log, capsys) -> None:
    aged(log)
    with pytest.raises(PipelineError, match=r"record 2, is not anchored; run `release audit anchor` first"):
        audit(["prune", "--days", "30", "--by", "Ada"])
    said(capsys, "anchor")
    assert len(said(capsys, "prune", "--days", "30", "--by", "Ada").splitlines()) == 2
    (left,) = segments(log / "chain-0")  # the newest stays, however old it is
    assert left.first == 5
    assert "chain-0: records 5 to 6 are whole; 4 before them were pruned" in said(capsys, "verify")
    *_, last = records_of(log, "events", b"pruned")
    assert (last["chain"], last["first"], last["last"], last["by"], last["days"]) == ("chain-0", 3, 4, "Ada", 30)
    assert said(capsys, "prune", "--days", "30", "--by", "Ada") == "nothing is so old\n"
    with pytest.raises(PipelineError, match="--days 0: expected 1 to"):
        audit(["prune", "--days", "0", "--by", "Ada"])


def test_a_segment_that_nobody_signed_for_is_missed(log) -> None:
    segments(log / "chain-0")[0].path.unlink()
    with pytest.raises(
        PipelineError, match="sequence 1: gap: the file's name says that it begins with 3, and 1 is due"
    ):
        audit(["verify"])


def test_a_prune_that_was_killed_leaves_a_sound_log_and_is_done_again(log, monkeypatch, capsys) -> None:
    aged(log)
    anchors = anchors_of_now(log)
    removals = old_segments(log, verify(log, anchors), anchors, date(2026, 1, 1))

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            prune(log, removals, "Ada", 30)
    assert [report.fault for report in verify(log, anchors)] == [None] * 3
    removals = old_segments(log, verify(log, anchors), anchors, date(2026, 1, 1))
    prune(log, removals, "Ada", 30)
    assert [report.fault for report in verify(log, anchors)] == [None] * 3
    assert len(segments(log / "chain-0")) == 1


def test_without_a_variable_the_log_is_that_of_the_environment(log, monkeypatch) -> None:
    monkeypatch.delenv("SERVE_AUDIT")
    with pytest.raises(PipelineError, match=r"serving/audit: no audit log; the service writes one"):
        audit(["verify"])
