"""Where the lines of the log go."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path


class Output:
    """Standard output, a file, or nowhere.

    Parameters
    ----------
    target : str
        `-` for standard output, `none`, or a path. A file that is moved away or removed is begun anew. What a full disk
        has no room for is taken out of a file again: the next line may be another process's.
    lock : int, optional
        Descriptor of a file that every process locks that writes to the same target: their lines must not mix.
    """

    def __init__(self, target: str, lock: int | None = None) -> None:
        self._target, self._lock = target, lock
        self._file = {"-": 1, "none": -1}.get(target) or self._open()
        self._torn = False

    def write(self, lines: bytes) -> bool:
        """Write whole lines; False when that failed, on a full disk for example. The next ones are tried again."""
        if self._file < 0:
            return True
        try:
            self._follow()
            with self._locked():
                self._write(lines)
        except OSError:
            return False
        return True

    def _write(self, lines: bytes) -> None:
        status = os.fstat(self._file)
        if self._torn:  # what was cut off must not spoil the next line
            lines = b"\n" + lines
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
        except OSError:
            self._torn = not stat.S_ISREG(status.st_mode)
            if not self._torn:
                os.ftruncate(self._file, status.st_size)
            raise
        self._torn = False

    def _open(self) -> int:
        return os.open(self._target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def _follow(self) -> None:
        """Open the file again when another one, or none, stands in its place."""
        if self._file <= 2:
            return
        try:
            same = os.path.samestat(Path(self._target).stat(), os.fstat(self._file))
        except FileNotFoundError:
            same = False
        if not same:
            file = self._open()
            os.close(self._file)
            self._file = file

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self._lock is None:
            yield
            return
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
