import json
import logging
import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.telemetry import log as log_module
from service.telemetry.log import Bridge, Log, Output
from tests.graph import ROOT

COMMON = {"service.name": "fraud"}


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def nothing_dropped(reason: str) -> None:
    raise AssertionError(reason)


def test_every_entry_becomes_a_line_in_its_turn(tmp_path: Path) -> None:
    log = Log(Output(str(tmp_path / "log")), nothing_dropped, COMMON)
    for n in range(2000):
        log.event("count", str(n), more={"n": n})
    log.close(10)
    lines = kept(tmp_path / "log")
    assert [line["n"] for line in lines] == list(range(2000))
    assert lines[0] | {"@timestamp": ""} == {
        "@timestamp": "", "log.level": "info", "message": "0", "event.action": "count", "n": 0, "service.name": "fraud",
    }  # fmt: skip
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["@timestamp"]) for line in lines)


def test_time_is_told_to_the_microsecond(tmp_path: Path) -> None:
    log = Log(Output(str(tmp_path / "log")), nothing_dropped, COMMON)
    for at in (0.0, 1.5, 1_763_800_000.000001, 1_763_800_000.25):
        log.put(at, {"message": "x"})
    log.close(10)
    assert [line["@timestamp"][-16:] for line in kept(tmp_path / "log")] == [
        "00:00:00.000000Z", "00:00:01.500000Z", "08:26:40.000000Z", "08:26:40.250000Z",
    ]  # fmt: skip


def test_nobody_waits_for_a_reader_that_does_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "LIMIT", 1 << 20)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    dropped: list[str] = []
    log = Log(Output(str(tmp_path / "pipe")), dropped.append, COMMON)
    for n in range(20_000):
        log.event("count", "x" * 100, more={"n": n})
    assert len(dropped) > 10_000
    assert set(dropped) == {"full"}
    found = bytearray()
    thread = threading.Thread(target=_drain, args=(reader, found))
    thread.start()
    log.close(10)
    thread.join()
    lines = [json.loads(line) for line in found.splitlines()]
    assert len(lines) + len(dropped) == 20_000  # none is lost that was not counted, and none is cut


def _drain(reader: int, found: bytearray) -> None:
    while select.select([reader], [], [], 1)[0]:
        found += os.read(reader, 1 << 16)


def test_what_can_not_be_written_is_counted(tmp_path: Path) -> None:
    dropped: list[str] = []
    log = Log(Output("/dev/full"), dropped.append, COMMON)
    log.event("count", "x")
    log.close(10)
    assert dropped == ["unwritable"]


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes it, and what was counted as dropped is not there."""
    output, other = Output(str(tmp_path / "log")), Output(str(tmp_path / "log"))
    _fill(output, monkeypatch)
    assert other.write(b"last\n")
    assert (tmp_path / "log").read_text() == "one\nlast\n"


def test_a_line_that_was_cut_off_in_a_pipe_is_ended_first(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    output = Output(f"/dev/fd/{writer}")
    _fill(output, monkeypatch)
    assert output.write(b"last\n")
    assert os.read(reader, 100) == b"one\nano\nlast\n"


def _fill(output: Output, patch: pytest.MonkeyPatch) -> None:
    """Write a line, and another one of which only three bytes find room."""
    assert output.write(b"one\n")
    with patch.context() as context:
        context.setattr(os, "write", _full_after(3, os.write))
        assert not output.write(b"another\n")


def _full_after(count: int, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    room = [count]

    def limited(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        done = write(file, data[: room[0]])
        room[0] -= done
        return done

    return limited


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "log"))
    output.write(b"one\n")
    (tmp_path / "log").rename(tmp_path / "log.1")
    output.write(b"two\n")
    (tmp_path / "log").unlink()
    output.write(b"three\n")
    assert (tmp_path / "log.1").read_text() == "one\n"
    assert (tmp_path / "log").read_text() == "three\n"


def test_what_a_killed_process_left_does_not_spoil_the_next_line(tmp_path: Path) -> None:
    """Whether it was this one, at an earlier start, or another one that writes to the same file."""
    log = tmp_path / "log"
    log.write_text('{"n": 1}\n{"n"')
    output = Output(str(log))
    assert output.write(b'{"n": 2}\n')
    with log.open("a") as other:
        other.write('{"n": 3')
    assert output.write(b'{"n": 4}\n')
    assert output.write(b'{"n": 5}\n')
    assert log.read_text().splitlines() == ['{"n": 1}', '{"n"', '{"n": 2}', '{"n": 3', '{"n": 4}', '{"n": 5}']


def test_a_pipe_that_nobody_reads_any_more_is_noticed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    output = Output(str(tmp_path / "pipe"))
    assert output.write(b"one\n")
    os.close(reader)
    assert not output.write(b"two\n")


WRITE = """
import sys
from service.telemetry.log import Output
output = Output("-", int(sys.argv[1]))
for _ in range(20):
    output.write(sys.argv[2].encode() * 50_000 + b"\\n")
"""


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    """A pipe takes 4 KiB at once, and what is longer in pieces."""
    lock, (reader, writer) = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT), os.pipe()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(lock), mark], env=environment, stdout=writer, pass_fds=[lock]
        )
        for mark in "ab"
    ]
    os.close(writer)
    found = b""
    while part := os.read(reader, 1 << 16):
        found += part
    assert [each.wait() for each in writers] == [0, 0]
    assert sorted(found.splitlines()) == [mark * 50_000 for mark in (b"a", b"b") for _ in range(20)]


def test_what_libraries_say_is_logged_too(tmp_path: Path) -> None:
    log = Log(Output(str(tmp_path / "log")), nothing_dropped, COMMON)
    logger = logging.Logger("asyncio")
    logger.addHandler(Bridge(log))
    logger.info("not this")
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("task failed")
    log.close(10)
    (line,) = kept(tmp_path / "log")
    assert (line["log.level"], line["log.logger"], line["message"]) == ("error", "asyncio", "task failed")
    assert "ValueError: broken" in line["error.stack_trace"]
