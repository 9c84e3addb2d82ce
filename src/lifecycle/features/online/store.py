"""Online state that one process keeps and no crash takes: a snapshot, and a journal of what came after it.

    store = EmbeddedStore(folder, plan, schema, base)
    found = [store.update(row) for row in rows]
    store.commit()  # now they are on disk, and may be answered; one commit for a hundred costs little for each

`state.npz` is the snapshot, `journal.sqlite` the journal, and `journal.newest` says how far it must go. What was not
committed when the process died never happened.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from lifecycle.features.online.journal import ADVICE, Journal
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Change
from lifecycle.features.online.schema import Schema
from lifecycle.features.online.snapshot import Snapshot, put, refuse_other
from lifecycle.features.online.state import LATENESS_DAYS, State
from lifecycle.features.online.taking import empty
from lifecycle.features.vocabulary import DAY_US
from lifecycle.stage import PipelineError


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
        self.path = folder / "state.npz"
        self.journal = Journal(folder / "journal.sqlite")
        try:
            snapshot = self._start(plan, base or empty(plan, round(lateness_days * DAY_US)))
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

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not; see `State`."""
        return self.state.features(row)

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features; see `State`."""
        return self.state.update(row)

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known; see `State`."""
        return self.state.label(key, values)

    def commit(self) -> None:
        """Return once all that has happened is on disk; when that fails nothing is lost, and it can be tried again."""
        changes = self.take()
        try:
            self.journal.append(changes)
        except BaseException:
            self.give_back(changes)
            raise

    def take(self) -> list[Change]:
        """Return what has happened and is not on disk: for the journal, or to be given back."""
        changes, self.state.changes = self.state.changes, []
        return changes

    def give_back(self, changes: list[Change]) -> None:
        """Have what could not be written written later, before all that has happened since."""
        self.state.changes = changes + self.state.changes

    def compact(self) -> None:
        """Write a snapshot and empty the journal, so that the next start is fast."""
        self.commit()
        self._compacted = self.journal.position
        self.state.snapshot(self._compacted).save(self.path)
        self.journal.clear(self._compacted)

    def adopt(self, snapshot: Path, position: int) -> None:
        """Let a file with all up to a position take the place of the present snapshot and of the journal so far."""
        put(snapshot, self.path)
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
            refuse_other("the snapshot", base.digest, plan.digest)
            base.save(self.path)
        elif not self.path.exists():
            raise PipelineError(f"{self.path}: no such file, but a journal of what came after it")
        try:
            snapshot = Snapshot.load(self.path)
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise PipelineError(f"{self.path}: damaged: {error}; {ADVICE}") from error
        digest, start = about or self.journal.begin(snapshot.digest, snapshot.position)
        refuse_other("the journal", digest, plan.digest)
        if snapshot.position < start:
            raise PipelineError(f"{self.path}: older than the beginning of the journal")
        return snapshot
