import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.tampering import decision
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit import audit_writer
from lifecycle.release.audit.audit_chain import records_of, segments
from lifecycle.release.audit.audit_verification import follow, verify
from lifecycle.release.audit.audit_writer import ChainWriter, InUseError, append_event, open_chain
from tests.graph import ROOT


def fill(folder: Path, count: int, longest: int = 4_000) -> None:
    writer = ChainWriter(folder, longest)
    for row in range(count):
        writer.append([decision(f"r-{row}", row)])
    writer.close()


def whole(folder: Path) -> int:
    """Return how many records a chain has, all of them sound."""
    report = follow(folder, ())
    assert report.fault is None
    assert not report.torn
    return report.last


def test_a_chain_goes_on_over_files_and_over_processes(tmp_path) -> None:
    chain = tmp_path / "chain-0"
    fill(chain, 20)
    fill(chain, 20)
    assert whole(chain) == 40
    firsts = [segment.first for segment in segments(chain)]
    assert firsts == sorted(firsts)
    assert len(firsts) > 2


def test_each_day_has_a_file_of_its_own(tmp_path, monkeypatch) -> None:
    days = iter(["2026-11-29", "2026-11-30", "2026-11-30", "2026-11-29"])  # a clock may be set back
    monkeypatch.setattr(audit_writer.time, "strftime", lambda form, at: next(days))
    writer = ChainWriter(tmp_path / "chain-0")
    for _ in range(4):
        writer.append([decision("r", 0)])
    assert [segment.path.name for segment in segments(tmp_path / "chain-0")] == [
        "000000000000001-2026-11-29.jsonl", "000000000000002-2026-11-30.jsonl", "000000000000004-2026-11-29.jsonl",
    ]  # fmt: skip
    assert whole(tmp_path / "chain-0") == 4


def test_one_process_writes_a_chain_and_the_next_one_takes_another(tmp_path) -> None:
    first, second = open_chain(tmp_path), open_chain(tmp_path)
    with pytest.raises(InUseError, match="another process writes this chain"):
        ChainWriter(tmp_path / "chain-0")
    first.append([decision("a", 0)])
    second.append([decision("b", 0)])
    first.close()
    third = open_chain(tmp_path)
    third.append([decision("c", 0)])
    assert [len(list(records_of(tmp_path, name, b""))) for name in ("chain-0", "chain-1")] == [2, 1]
    assert [report.fault for report in verify(tmp_path, [])] == [None, None]


@pytest.mark.parametrize("cut", [1, 40, 75, 200])
def test_the_piece_of_a_line_that_a_kill_has_left_is_cut_off_and_counted(tmp_path, cut: int) -> None:
    fill(tmp_path / "chain-0", 5)
    newest = segments(tmp_path / "chain-0")[-1].path
    with newest.open("ab") as file:
        file.write(newest.read_bytes().splitlines(keepends=True)[-1][:cut])
    assert follow(tmp_path / "chain-0", ()).torn == cut
    writer = ChainWriter(tmp_path / "chain-0")
    assert writer.torn == cut
    writer.append([decision("next", 0)])
    assert whole(tmp_path / "chain-0") == 6


def test_a_file_in_which_nothing_whole_stands_is_begun_again(tmp_path) -> None:
    fill(tmp_path / "chain-0", 2)
    torn = tmp_path / "chain-0/000000000000003-2026-11-30.jsonl"
    torn.write_bytes(b'{"seq":3')
    writer = ChainWriter(tmp_path / "chain-0")
    assert (writer.torn, writer.head.sequence) == (8, 2)
    assert not torn.exists()


def test_nothing_is_written_behind_a_damaged_record(tmp_path) -> None:
    fill(tmp_path / "chain-0", 3)
    newest = segments(tmp_path / "chain-0")[-1].path
    newest.write_bytes(newest.read_bytes().replace(b'"score":0.2', b'"score":0.9'))
    with pytest.raises(PipelineError, match=r"the last record is damaged: hash: .* `release audit verify`"):
        open_chain(tmp_path)


def test_a_full_disk_leaves_the_chain_whole_and_takes_records_again_later(tmp_path) -> None:
    writer, before = ChainWriter(tmp_path / "chain-0"), resource.getrlimit(resource.RLIMIT_FSIZE)
    writer.append([decision("kept", 0)])
    size = segments(tmp_path / "chain-0")[0].path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="File too large"):
                writer.append([decision("lost", 0)] * 3)
            assert whole(tmp_path / "chain-0") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    writer.append([decision("kept too", 0)])
    assert whole(tmp_path / "chain-0") == writer.head.sequence == 2


def test_what_could_not_even_be_taken_out_again_is_taken_out_before_the_next_record(tmp_path, monkeypatch) -> None:
    writer = ChainWriter(tmp_path / "chain-0")
    writer.append([decision("kept", 0)])

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(audit_writer.os, "fsync", broken)
        patch.setattr(audit_writer.os, "ftruncate", broken)
        with pytest.raises(OSError, match="Input/output"):
            writer.append([decision("lost", 0)])
    assert follow(tmp_path / "chain-0", ()).last == 2
    writer.append([decision("kept too", 0)])
    assert [record["request_id"] for record in records_of(tmp_path, "chain-0", b"")] == ["kept", "kept too"]
    assert whole(tmp_path / "chain-0") == 2


def test_an_event_has_its_time_and_refers_to_a_decision(tmp_path) -> None:
    append_event(tmp_path, "label", {"request_id": "r-1", "row": 0, "label": 1})
    head = append_event(tmp_path, "rollback", {"epoch": 7})
    first, second = records_of(tmp_path, "events", b"")
    assert (first["kind"], first["request_id"], first["label"]) == ("label", "r-1", 1)
    assert (second["epoch"], second["seq"], second["hash"]) == (7, 2, head.hash)
    assert first["time"] <= second["time"]
    with pytest.raises(PipelineError, match="'route' with hash: these names are the chain's own"):
        append_event(tmp_path, "route", {"hash": "0"})


def test_who_writes_an_event_waits_for_who_does_so_already(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(audit_writer, "PATIENCE", 0.02)
    holder = ChainWriter(tmp_path / "events")
    with pytest.raises(InUseError):
        append_event(tmp_path, "route", {"epoch": 1})
    holder.close()
    assert append_event(tmp_path, "route", {"epoch": 1}).sequence == 1


def killed_after(seconds: float, log: Path) -> int:
    """Let another process write, kill it, and return the newest record that it was told is on disk."""
    command = [sys.executable, str(ROOT / "tests/lifecycle/release/audit/helpers_killed_writer.py"), str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    time.sleep(seconds)
    process.kill()
    said = [int(line) for line in process.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
    return max(said, default=0)


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.nightly)])
def test_whenever_a_writer_is_killed_no_record_is_lost_that_it_was_told_of(tmp_path, kills: int) -> None:
    rng, before = random.Random(0), 0
    for _ in range(kills):
        acknowledged = killed_after(rng.uniform(0.02, 0.1), tmp_path)
        report = follow(tmp_path / "chain-0", ())
        assert report.fault is None
        assert report.last >= max(acknowledged, before)
        before = report.last
    assert before > 100
