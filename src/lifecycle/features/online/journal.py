"""A journal of changes in a SQLite file: what was appended is on disk."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from lifecycle.features.online.record import Change
from lifecycle.stage import PipelineError

TABLES = """
CREATE TABLE IF NOT EXISTS journal (position INTEGER PRIMARY KEY, change TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS about (digest TEXT NOT NULL, start INTEGER NOT NULL);
"""


class Journal:
    """Changes, numbered from 1 without gaps and without a number used twice.

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
    PipelineError
        Another process has it open. The lock is SQLite's own and ends with the process.
    """

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=0)
        try:
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")  # a commit returns when it is on disk
            self._file.executescript(f"BEGIN EXCLUSIVE; {TABLES} COMMIT")
        except sqlite3.OperationalError as error:
            self._file.close()
            if "locked" not in str(error):
                raise
            raise PipelineError(f"{path.parent}: another process has this store open; use another folder") from error
        newest = self._file.execute("SELECT max(start, (SELECT ifnull(max(position), 0) FROM journal)) FROM about")
        self.position = (newest.fetchone() or (0,))[0]

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
        rows = [(number, json.dumps(change)) for number, change in enumerate(changes, self.position + 1)]
        with self._file:
            self._file.executemany("INSERT INTO journal VALUES (?, ?)", rows)
        self.position += len(rows)

    def after(self, position: int) -> Iterator[Change]:
        """Yield the changes behind a position."""
        found = self._file.execute("SELECT change FROM journal WHERE position > ? ORDER BY position", (position,))
        return (Change(*json.loads(change)) for (change,) in found)

    def clear(self) -> None:
        """Forget all changes; the next one has the next number all the same."""
        with self._file:
            self._file.execute("UPDATE about SET start = ?", (self.position,))
            self._file.execute("DELETE FROM journal")

    def close(self) -> None:
        """Give the file free."""
        self._file.close()
