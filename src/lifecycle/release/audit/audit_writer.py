"""Write a chain of the audit log: a record is on disk when `append` returns, and stays there however a process ends."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lifecycle.core.atomic import sync_folder
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_chain import (
    CHAIN,
    DECISIONS,
    EVENTS,
    KIND,
    OWN,
    BrokenLineError,
    Link,
    Segment,
    beginning,
    parsed,
    sealed,
    segment_name,
    segments,
)

LONGEST = 64 << 20
MOST_CHAINS = 1000
PATIENCE = 5.0  # seconds that another process may write an event: it takes some milliseconds


class InUseError(PipelineError):
    """Another process writes the chain."""


class ChainWriter:
    """What appends to a chain; the only one that does, by a lock that ends with the process. For one thread at a time.

    A process that was killed may have left a piece of a line at the end, which nobody has been told of as a record. It
    is cut off.

    Parameters
    ----------
    folder : Path
        The chain, in the folder of the log; made when it is not there.
    longest : int
        Bytes of a segment, from which on the next one is begun.

    Attributes
    ----------
    head : Link
        The newest record.
    torn : int
        Bytes of an unfinished line that were cut off when it was opened.

    Raises
    ------
    InUseError
        Another process writes to it.
    PipelineError
        Its last whole line is damaged. Nothing is appended then: that would hide where the chain has broken.
    """

    def __init__(self, folder: Path, longest: int = LONGEST) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._longest, self._lock = folder, longest, _locked(folder)
        try:
            self.head, self._segment, self.torn = self._resume()
            self._file = None if self._segment is None else _opened(self._segment.path)
            self._size = 0 if self._file is None else os.fstat(self._file).st_size
            self._whole = True
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Write records, all or none; they are on disk when this returns.

        Parameters
        ----------
        records : sequence of (kind, fields)
            See `sealed`.

        Raises
        ------
        OSError
            They could not be written: none is in the chain, and it can be tried again.
        """
        head, lines = self.head, []
        for kind, fields in records:
            line, head = sealed(head, kind, fields)
            lines.append(line)
        self._begin()
        self._write(b"".join(lines))
        self.head = head

    def close(self) -> None:
        """Let another process have the chain."""
        if self._file is not None:
            os.close(self._file)
        os.close(self._lock)

    def _resume(self) -> tuple[Link, Segment | None, int]:
        """Return the newest record, its segment, and how many bytes behind it were cut off."""
        torn, found = 0, segments(self._folder)
        for segment in reversed(found):
            content = segment.path.read_bytes()
            whole = content.rfind(b"\n") + 1
            torn += len(content) - whole
            if not whole:  # begun, and nothing whole came into it
                segment.path.unlink()
                continue
            if whole < len(content):
                os.truncate(segment.path, whole)
            begin = content.rfind(b"\n", 0, whole - 1) + 1
            try:
                return parsed(content[begin:whole]), segment, torn
            except BrokenLineError as error:
                advice = "keep the folder as it is, look with `release audit verify`, and give the service a new one"
                raise PipelineError(f"{segment.path}: the last record is damaged: {error}; {advice}") from error
        return beginning(self._folder.name), None, torn

    def _begin(self) -> None:
        """Open the segment that the next record belongs to: each day has one, and a long one is followed by another."""
        day = time.strftime("%Y-%m-%d", time.gmtime())
        if self._segment is not None and self._segment.day == day and self._size < self._longest:
            return
        first = self.head.sequence + 1
        path = self._folder / segment_name(first, day)
        file = _opened(path)
        sync_folder(self._folder)
        if self._file is not None:
            os.close(self._file)
        self._file, self._segment, self._size, self._whole = file, Segment(path, first, day), 0, False

    def _write(self, lines: bytes) -> None:
        """Write lines and bring them to disk; what could not be written whole is taken out again."""
        file, size, left = self._file, self._size, memoryview(lines)
        assert file is not None
        if not self._whole:
            os.ftruncate(file, size)
        self._whole = False
        try:
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        except OSError:
            with suppress(OSError):  # then it is tried again before the next write
                os.ftruncate(file, size)
            raise
        self._size, self._whole = size + len(lines), True


def open_chain(log: Path) -> ChainWriter:
    """Open the first chain of decisions that no other process writes, a new one where all are taken.

    Raises
    ------
    PipelineError
        The folder can't be written, or a chain is damaged.
    """
    for number in range(MOST_CHAINS):
        try:
            return ChainWriter(log / f"{DECISIONS}{number}")
        except InUseError:
            continue
        except OSError as error:
            raise PipelineError(f"{log}: no audit log can be written there: {error.strerror}") from error
    raise PipelineError(f"{log}: {MOST_CHAINS} processes write to this audit log")


def append_event(log: Path, kind: str, fields: Mapping[str, Any]) -> Link:
    """Record an event that is no decision: a transition, a rollback, a new route, a label, what a person has overruled.

    Parameters
    ----------
    log : Path
        The folder of the audit log.
    kind : str
        One word, such as `transition`.
    fields : mapping
        What JSON can hold. What refers to a decision has its `request_id` and `row`. The time is added.

    Returns
    -------
    Link
        The record, on disk.

    Raises
    ------
    PipelineError
        Another process has written events for five seconds, or the fields have names of the chain's own.
    """
    taken = [name for name in OWN if name in fields]
    if taken or KIND(kind) is None:
        raise PipelineError(f"an event {kind!r} with {', '.join(taken) or 'no field'}: these names are the chain's own")
    writer = _waited_for(log / EVENTS)
    try:
        writer.append([(kind, canonical({"time": written(time.time()), **fields}))])
    finally:
        writer.close()
    return writer.head


def written(seconds: float) -> str:
    """Return a time as it stands in records: UTC, to the microsecond.

    >>> written(1.5)
    '1970-01-01T00:00:01.500000Z'
    """
    whole, rest = divmod(round(seconds * 1e6), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{rest:06d}Z"


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Return fields as the JSON object that a record has them in.

    >>> canonical({"row": 0, "label": 1})
    b'{"label":1,"row":0}'
    """
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _waited_for(folder: Path) -> ChainWriter:
    assert CHAIN(folder.name)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ChainWriter(folder)
        except InUseError:
            if time.monotonic() > end:
                raise
            time.sleep(0.005)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)


def _locked(folder: Path) -> int:
    """Return the descriptor of a file that this process alone has locked."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise InUseError(f"{folder}: another process writes this chain of the audit log") from error
    return file
