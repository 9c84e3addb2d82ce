"""Online state that one process keeps and no crash takes: a snapshot, and a journal of what came after it.

    store = EmbeddedStore(folder, plan, schema, base)
    found = [store.update(row) for row in rows]
    store.commit()  # now they are on disk, and may be answered; one commit for a hundred costs little for each

`state.npz` is the snapshot, `journal.sqlite` the journal. What was not committed when the process died never happened.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lifecycle.features.online.journal import Journal
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.schema import Schema
from lifecycle.features.online.snapshot import Snapshot, refuse_other
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
        self._path = folder / "state.npz"
        self._journal = Journal(folder / "journal.sqlite")
        try:
            snapshot = self._start(plan, base or empty(plan, round(lateness_days * DAY_US)))
            self._state = State(plan, schema, snapshot, lateness_days)
            for change in self._journal.after(snapshot.position):
                self._state.apply(change)
        except BaseException:
            self._journal.close()
            raise

    def features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of a record, whether it is kept or not; see `State`."""
        return self._state.features(row)

    def update(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record and return its features; see `State`."""
        return self._state.update(row)

    def label(self, key: Any, values: Mapping[str, Any]) -> bool:
        """Take labels that have become known; see `State`."""
        return self._state.label(key, values)

    def commit(self) -> None:
        """Return once all that has happened is on disk; when that fails nothing is lost, and it can be tried again."""
        if self._state.changes:
            self._journal.append(self._state.changes)
            self._state.changes.clear()

    def compact(self) -> None:
        """Write a snapshot and empty the journal, so that the next start is fast."""
        self.commit()
        self._state.snapshot(self._journal.position).save(self._path)
        self._journal.clear()

    def close(self) -> None:
        """Commit, and let another process have the folder."""
        self.commit()
        self._journal.close()

    def _start(self, plan: Plan, base: Snapshot) -> Snapshot:
        """Return the folder's snapshot, which in a new folder is the base."""
        about = self._journal.about()
        if about is None and not self._path.exists():
            refuse_other("the snapshot", base.digest, plan.digest)
            base.save(self._path)
        elif not self._path.exists():
            raise PipelineError(f"{self._path}: no such file, but a journal of what came after it")
        snapshot = Snapshot.load(self._path)
        digest, start = about or self._journal.begin(snapshot.digest, snapshot.position)
        refuse_other("the journal", digest, plan.digest)
        if snapshot.position < start:
            raise PipelineError(f"{self._path}: older than the beginning of the journal")
        return snapshot
