"""A store's journal in SQLite, and the state that it restores."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from zipfile import BadZipFile

from lifecycle.core.atomic import replace_durably
from lifecycle.core.errors import PipelineError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.snapshot import Snapshot, check_digest, empty_snapshot
from lifecycle.features.online.state import LATENESS_DAYS, Change, State
from lifecycle.problem.record_words import DAY_US

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


class EmbeddedStore:
    """The features of records as they come, kept in a folder; for one thread.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    plan, schema : Plan, Schema
        Of the feature list and the records.
    base : Snapshot, optional
        What a new folder starts with.
    lateness_days : float
        How much older than its entities' newest record a record may be.

    Raises
    ------
    PipelineError
        Another process has the folder open, or what is there does not fit the feature list or each other.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        schema: Schema,
        base: Snapshot | None = None,
        lateness_days: float = LATENESS_DAYS,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PipelineError(f"{folder}: it can't be written; a store needs a folder on a disk that takes writes")
        self.path = folder / "state.npz"
        self.journal = Journal(folder / "journal.sqlite")
        try:
            snapshot = self._start(plan, base or empty_snapshot(plan, round(lateness_days * DAY_US)))
            self._compacted = snapshot.position
            self.state = State(plan, schema, snapshot, lateness_days)
            for change in self.journal.after(snapshot.position):
                self.state.apply(change)
        except BaseException:
            self.journal.close()
            raise

    @property
    def backlog(self) -> int:
        """How many changes a start would have to do again."""
        return self.journal.position - self._compacted

    def commit(self) -> None:
        """Return once all that has happened is on disk; when that fails nothing is lost, and it can be tried again."""
        changes = self.take()
        try:
            self.append(changes)
        except BaseException:
            self.give_back(changes)
            raise

    def take(self) -> list[Change]:
        """Return what has happened and is not on disk: for the journal, or to be given back."""
        changes, self.state.changes = self.state.changes, []
        return changes

    def append(self, changes: list[Change]) -> None:
        """Put changes on disk, all or none."""
        self.journal.append(changes)

    def give_back(self, changes: list[Change]) -> None:
        """Have what could not be written written later, before all that has happened since."""
        self.state.changes = changes + self.state.changes

    def adopt(self, snapshot: Path, position: int) -> None:
        """Let a file with all up to a position take the place of the present snapshot and of the journal so far."""
        replace_durably(snapshot, self.path)
        self._compacted = position
        self.journal.forget(position)

    def close(self) -> None:
        """Commit, and let another process have the folder."""
        self.commit()
        self.journal.close()

    def _start(self, plan: Plan, base: Snapshot) -> Snapshot:
        """Return the folder's snapshot, which in a new folder is the base."""
        about = self.journal.about()
        if about is None and not self.path.exists():
            check_digest("the snapshot", base.digest, plan.digest)
            base.save(self.path)
        elif not self.path.exists():
            raise PipelineError(f"{self.path}: no such file, but a journal of what came after it")
        try:
            snapshot = Snapshot.load(self.path)
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise PipelineError(f"{self.path}: damaged: {error}; {ADVICE}") from error
        digest, start = about or self.journal.begin(snapshot.digest, snapshot.position)
        check_digest("the journal", digest, plan.digest)
        if snapshot.position < start:
            raise PipelineError(f"{self.path}: older than the beginning of the journal")
        return snapshot
