"""Keep the journal of an embedded store short without stopping the service, so that a restart stays fast."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lifecycle
from lifecycle.problem.record_words import DAY_US
from service.online_store.group_commit import GroupCommit
from service.online_store.journal import EmbeddedStore

log = logging.getLogger(__name__)
IDLE_DAYS = 30  # beyond the windows' reach, after which an entity is forgotten
LONGEST = 50_000  # changes in the journal: some seconds of a start
COMMAND = [sys.executable, "-m", "service.online_store.compaction_process"]


class Compactor:
    """Makes a new snapshot of a store whenever its journal is long.

    Parameters
    ----------
    store : EmbeddedStore
        The store.
    commits : GroupCommit
        Its commits: compaction does its own short work between two of them, and the long one in another process.
    contract : mapping
        features.json of its feature list.
    order : asyncio.Lock
        Held while events are checked and written, so that nothing is dropped that they were checked against.
    longest : int
        Compaction starts at this number of changes in the journal.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        commits: GroupCommit,
        contract: Mapping[str, Any],
        order: asyncio.Lock,
        longest: int = LONGEST,
    ) -> None:
        self._order = order
        self._store, self._commits, self._longest, self._start = store, commits, longest, longest
        folder, name = store.path.parent, f"compaction.{os.getpid()}"
        self._copy, self._made = folder / f"{name}.sqlite", folder / f"{name}.npz"
        paths = {"snapshot": str(store.path), "journal": str(self._copy), "made": str(self._made)}
        self._task = {name: contract[name] for name in ("declaration", "decimals")} | paths
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._running: asyncio.Task[None] | None = None
        clean(folder)

    def look(self) -> None:
        """Begin when the journal is long, unless it is being done."""
        if self._running is None and self._store.backlog >= self._start:
            self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what was begun is thrown away."""
        self._closing = True
        if (process := self._process) is not None:
            process.kill()
        if self._running is not None:
            await self._running
        clean(self._store.path.parent)

    async def _run(self) -> None:
        try:
            await self._compact()
            self._start = self._longest
        except Exception:
            self._start = self._store.backlog + self._longest  # the journal holds all; later is early enough
            if not self._closing:
                log.exception("the online store's journal could not be compacted; it is tried again later")
        finally:
            self._running = None

    async def _compact(self) -> None:
        kept = self._store.state.store
        # The clock bounds it: one record from a far future must not make the store forget everybody.
        horizon = min(kept.newest, round(time.time() * 1e6)) - IDLE_DAYS * DAY_US
        async with self._order:
            for _ in kept.expire(horizon):
                await asyncio.sleep(0)
        position = await self._commits.run(self._copied)
        if self._closing:
            return
        await asyncio.get_running_loop().run_in_executor(None, self._make, horizon)
        await self._commits.run(self._store.adopt, self._made, position)
        while await self._commits.run(self._store.journal.shrink):
            pass
        self._copy.unlink()

    def _copied(self) -> int:
        """Copy the journal; return up to which position."""
        self._store.journal.copy(self._copy)
        return self._store.journal.position

    def _make(self, horizon: int) -> None:
        source = str(Path(lifecycle.__file__).parents[1])
        with subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": source}
        ) as process:
            self._process = process
            if self._closing:  # only now could it be seen who is to be killed
                process.kill()
            said = process.communicate(json.dumps(self._task | {"horizon": horizon}).encode())[1]
        self._process = None
        if process.returncode:
            raise RuntimeError(said.decode(errors="replace")[-2000:])


def clean(folder: Path) -> None:
    """Take away what a compaction that was interrupted has left."""
    for pattern in ("compaction.[0-9]*.sqlite*", "compaction.[0-9]*.npz", ".compaction.[0-9]*.npz.*.tmp"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
