"""A journal of changes in a SQLite file: what was appended is on disk, and what is missing is noticed."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from lifecycle.features.online.record import Change
from lifecycle.stage import PipelineError

CHUNK = 5_000  # rows written by one statement, or taken away by one transaction: others wait no longer than for that
ADVICE = "put a copy of the folder in its place, or name a new folder"
TABLES = """
CREATE TABLE IF NOT EXISTS journal (position INTEGER PRIMARY KEY, change TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS about (digest TEXT NOT NULL, start INTEGER NOT NULL);
"""


class InUseError(PipelineError):
    """Another process has a store open."""


class Journal:
    """Changes, numbered from 1 without gaps and without a number used twice; for one thread at a time.

    Parameters
    ----------
    path : Path
        The file; made when it is not there.

    Attributes
    ----------
    position : int
        Number of the newest change.

    Raises
    ------
    InUseError
        Another process has it open. The lock is SQLite's own and ends with the process.
    PipelineError
        It can't be read, or lacks changes that were appended: SQLite drops the end of a damaged log without a word, so
        the newest number stands in a file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._newest = path, path.with_suffix(".newest")
        self._mark: int | None = None
        try:
            self._file = sqlite3.connect(path, timeout=0, check_same_thread=False)
            self.position = self._open()
        except sqlite3.DatabaseError as error:
            with suppress(AttributeError):  # there is no connection
                self._file.close()
            if "locked" in str(error):
                raise InUseError(f"{path.parent}: another process has this store open; use another folder") from error
            raise PipelineError(f"{path}: {error}; {ADVICE}") from error
        appended = int.from_bytes(self._newest.read_bytes()) if self._newest.exists() else 0
        if self.position < appended:
            self._file.close()
            lost = f"damaged, it ends with change {self.position} and {appended} were acknowledged"
            raise PipelineError(f"{path}: {lost}; {ADVICE}, or remove {self._newest} to go on without them")

    def _open(self) -> int:
        """Have the file for this process alone; return the number of the newest change."""
        self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")  # a commit returns when it is on disk
        self._file.executescript(f"BEGIN EXCLUSIVE; {TABLES} COMMIT")
        newest = self._file.execute("SELECT max(start, (SELECT ifnull(max(position), 0) FROM journal)) FROM about")
        return int((newest.fetchone() or (0,))[0])

    def about(self) -> tuple[str, int] | None:
        """Return the digest of the feature list, and behind which number the journal begins; None when it is new."""
        found: tuple[str, int] | None = self._file.execute("SELECT digest, start FROM about").fetchone()
        return found

    def begin(self, digest: str, start: int) -> tuple[str, int]:
        """Set what `about` returns."""
        with self._file:
            self._file.execute("INSERT INTO about VALUES (?, ?)", (digest, start))
        self.position = start
        return digest, start

    def append(self, changes: Sequence[Change]) -> None:
        """Write changes, all or none."""
        if not changes:
            return
        rows = [(number, json.dumps(change)) for number, change in enumerate(changes, self.position + 1)]
        with self._file:
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                # One statement: between two of them a thread gives the interpreter to others, and must wait for it.
                statement = f"INSERT INTO journal VALUES {','.join(['(?, ?)'] * len(chunk))}"
                self._file.execute(statement, tuple(chain.from_iterable(chunk)))
        self.position += len(rows)
        with suppress(OSError):  # not brought to disk: what it says was there before, so it never says too much
            if self._mark is None:
                self._mark = os.open(self._newest, os.O_WRONLY | os.O_CREAT, 0o644)
            os.pwrite(self._mark, self.position.to_bytes(8), 0)

    def after(self, position: int) -> Iterator[Change]:
        """Yield the changes behind a position and behind the journal's beginning.

        Raises
        ------
        PipelineError
            One is missing, or can't be read.
        """
        position = max(position, (self.about() or ("", 0))[1])
        query = "SELECT position, change FROM journal WHERE position > ? ORDER BY position"
        try:
            for expected, (number, change) in enumerate(self._file.execute(query, (position,)), position + 1):
                if number != expected:
                    raise PipelineError(f"{self._path}: damaged, change {expected} is missing; {ADVICE}")
                yield Change(*json.loads(change))
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise PipelineError(f"{self._path}: damaged: {error}; {ADVICE}") from error

    def copy(self, path: Path) -> None:
        """Write all changes to another file, which a `Journal` can open."""
        path.unlink(missing_ok=True)
        self._file.execute("VACUUM INTO ?", (str(path),))

    def clear(self, position: int) -> None:
        """Forget the changes up to a position, and give their place to others."""
        self.forget(position)
        while self.shrink():
            pass

    def forget(self, position: int) -> None:
        """Let the journal begin behind a position; the next change has the next number all the same."""
        with self._file:
            self._file.execute("UPDATE about SET start = ?", (position,))

    def shrink(self) -> bool:
        """Give the place of some forgotten changes to others; tell whether there were any."""
        oldest = "(SELECT min(position) FROM journal)"
        where = f"position < {oldest} + {CHUNK} AND position <= (SELECT start FROM about)"
        with self._file:
            return self._file.execute(f"DELETE FROM journal WHERE {where}").rowcount > 0

    def close(self) -> None:
        """Give the file free."""
        self._file.close()
        if self._mark is not None:
            os.close(self._mark)
            self._mark = None
