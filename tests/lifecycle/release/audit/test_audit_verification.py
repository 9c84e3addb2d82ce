import random
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.tampering import TAMPERINGS, anchors_of_now, decision, is_found, write_log
from lifecycle.release.audit.audit_anchors import Anchor
from lifecycle.release.audit.audit_chain import segments
from lifecycle.release.audit.audit_verification import summary, verify
from lifecycle.release.audit.audit_writer import ChainWriter


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Anchor]]:
    log = tmp_path_factory.mktemp("sound") / "log"
    return log, write_log(log, records=24)


@pytest.fixture
def copied(sound, tmp_path) -> tuple[Path, list[Anchor]]:
    shutil.copytree(sound[0], tmp_path / "log")
    return tmp_path / "log", sound[1]


def fault(log: Path, anchors: list[Anchor]) -> str:
    return next(str(report.fault) for report in verify(log, anchors) if report.fault is not None)


def edited(path: Path, change) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def test_a_sound_log_is_sound_and_its_figures_are_told(sound) -> None:
    log, anchors = sound
    reports = verify(log, anchors)
    assert [(report.name, report.first, report.last, report.fault) for report in reports] == [
        ("events", 1, 5, None), ("chain-0", 1, 24, None), ("chain-1", 1, 24, None),
    ]  # fmt: skip
    assert summary(reports[1], anchors) == "chain-0: records 1 to 24 are whole; 0 not yet anchored"
    assert summary(reports[1], []).endswith("24 not yet anchored")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(TAMPERINGS)), st.integers(0, 10_000))
def test_whoever_tampers_with_an_anchored_log_is_found(sound, tmp_path, name: str, seed: int) -> None:
    log, anchors = sound
    shutil.rmtree(tmp_path / "log", ignore_errors=True)
    shutil.copytree(log, tmp_path / "log")
    TAMPERINGS[name](tmp_path / "log", random.Random(seed))
    assert is_found(tmp_path / "log", anchors)


@pytest.mark.nightly
def test_two_hundred_of_two_hundred_tamperings_are_found(tmp_path) -> None:
    anchors, rng = write_log(tmp_path / "log"), random.Random(0)
    for number in range(200):
        shutil.copytree(tmp_path / "log", tmp_path / "copy")
        name = list(TAMPERINGS)[number % len(TAMPERINGS)]
        TAMPERINGS[name](tmp_path / "copy", rng)
        assert is_found(tmp_path / "copy", anchors), name
        shutil.rmtree(tmp_path / "copy")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [lines[0], b"{}\n", *lines[1:]], "line 2, sequence 2: unreadable: the line is no record"),
        (lambda lines: [lines[0], lines[1].replace(b"0.1", b"0.7"), *lines[2:]], "line 2, sequence 2: hash: "),
        (lambda lines: [lines[0], *lines[2:]], "line 2, sequence 2: gap: record 3 follows 1; 2 is missing"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "line 2, sequence 2: order: record 1 follows 1"),
    ],
)
def test_the_first_broken_record_is_named_with_what_is_wrong(copied, change, words: str) -> None:
    log, anchors = copied
    first = segments(log / "chain-0")[0].path
    edited(first, change)
    edited(segments(log / "chain-0")[-1].path, lambda lines: lines[1:])  # a second fault does not hide the first
    assert fault(log, anchors).startswith(f"{first}, {words}")


def test_a_record_of_another_chain_does_not_fit(copied) -> None:
    log, _ = copied
    first = segments(log / "chain-0")[0].path
    shutil.copyfile(segments(log / "chain-1")[0].path, first)
    assert fault(log, []).startswith(f"{first}, line 1, sequence 1: link: ")


def test_what_is_missing_at_the_end_is_found_by_the_anchor_alone(copied) -> None:
    log, anchors = copied
    edited(segments(log / "chain-0")[-1].path, lambda lines: lines[:-1])
    assert not is_found(log, [])  # what docs/audit.md says is not found
    assert "chain-0, sequence 24: truncated: 1 records at the end are gone; audit/x/chain-0/" in fault(log, anchors)


def test_a_chain_that_is_gone_or_written_anew_is_found_by_the_anchor_alone(copied) -> None:
    log, anchors = copied
    shutil.rmtree(log / "chain-1")
    assert not is_found(log, [])
    assert "chain-1, sequence 1: missing: 24 records at the end are gone" in fault(log, anchors)
    writer = ChainWriter(log / "chain-1")
    writer.append([decision("forged", row) for row in range(30)])
    assert not is_found(log, [])
    assert "chain-1, sequence 24: rewritten: not the record that audit/x/chain-1/" in fault(log, anchors)


def test_an_older_anchor_still_holds_when_the_chain_goes_on(copied) -> None:
    log, anchors = copied
    writer = ChainWriter(log / "chain-0")
    writer.append([decision("later", 0)] * 3)
    assert not is_found(log, anchors + anchors_of_now(log))
    report = next(report for report in verify(log, anchors) if report.name == "chain-0")
    assert summary(report, anchors).endswith("; 3 not yet anchored")


def test_a_line_that_is_being_written_is_no_fault_and_is_told(copied) -> None:
    log, anchors = copied
    with segments(log / "chain-0")[-1].path.open("ab") as file:
        file.write(b'{"seq":25,"pre')
    report = verify(log, anchors)[1]
    assert report.fault is None
    assert summary(report, anchors).endswith("; 14 bytes of an unfinished line")


def test_a_file_that_does_not_belong_there_is_named(copied) -> None:
    log, anchors = copied
    (log / "chain-0/extra.jsonl").write_bytes(b"")
    assert re.search(r"chain-0, sequence 1: name: .*extra\.jsonl", fault(log, anchors))


def test_what_the_log_itself_says_is_missing_is_told(copied) -> None:
    log, anchors = copied
    writer = ChainWriter(log / "chain-0")
    writer.append([("start", b'{"clean":false}'), ("gap", b'{"missing":7}'), ("gap", b'{"missing":1}')])
    words = summary(verify(log, anchors)[1], anchors)
    assert words.endswith("; 3 not yet anchored; 2 gaps that the service has told of; 1 starts")
