"""An online store in a folder: a journal with group commit, read by one process."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lifecycle.bundle import manifest
from service.online_store.compactor import Compactor
from service.online_store.events import FeatureList, base_of, unavailable
from service.online_store.group_commit import GroupCommit
from service.online_store.journal import EmbeddedStore, InUseError
from service.online_store.memory_store import InMemory
from service.refusal import Refusal

PATIENCE_SECONDS = 5.0  # for a process before this one that is about to end
PAUSE_SECONDS = 0.05


class OnDisk(InMemory):
    """A state whose every acknowledged event outlives the process.

    Parameters
    ----------
    store : EmbeddedStore
        The state and its journal.
    contract : mapping
        features.json of its feature list.
    """

    def __init__(self, store: EmbeddedStore, contract: Mapping[str, Any]) -> None:
        super().__init__(store.state)
        self._store = store
        self._commits = GroupCommit(store, unavailable, "the online store")
        self._compactor = Compactor(store, self._commits, contract, self._order)

    @property
    def problem(self) -> str | None:  # type: ignore[override]
        """Why events can't be kept right now."""
        return self._commits.problem

    async def settle_before(self) -> None:
        """Let nothing be added while the disk takes nothing: memory would fill with what is not acknowledged."""
        if self._commits.problem is not None:
            await self._commits.commit()

    async def settle(self) -> None:
        """Return once all that has happened is on disk."""
        await self._commits.commit()
        self._compactor.look()

    async def close(self) -> None:
        """Commit what is left, and let another process have the folder."""
        await super().close()
        await self._compactor.close()
        try:
            with suppress(Refusal):  # it is logged, and was never acknowledged
                await self._commits.close()
        finally:
            self._store.journal.close()


def open_folder(folder: Path, made: FeatureList, bundle_folder: Path, manifest: manifest.Manifest) -> OnDisk:
    """Open the store in a folder; a new one starts with the bundle's snapshot.

    Raises
    ------
    PipelineError
        Another process has it open, and does not end, or it is for another feature list.
    """
    base = None if (folder / "state.npz").exists() else base_of(bundle_folder, manifest)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return OnDisk(EmbeddedStore(folder, made.plan, made.schema, base), made.contract)
        except InUseError:
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE_SECONDS)
