"""The process that keeps the online state for several others, behind a socket in the store's folder.

`serve` runs it; so does `python -m lifecycle.serving.online.store_process BUNDLE FOLDER` (with PYTHONPATH=src).
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lifecycle.features.online.schema import Event
from lifecycle.model import bundle
from lifecycle.serving.errors import Refusal
from lifecycle.serving.online.feature_list import FeatureList
from lifecycle.serving.online.frames import Ask, Frames, Reply, sent, unpacked
from lifecycle.serving.online.in_process import in_turns
from lifecycle.serving.online.on_disk import OnDisk, open_folder
from lifecycle.stage import PipelineError, run

SOCKET = "store.sock"
LONGEST = 100  # bytes of a socket's path that every system takes
GLANCE_SECONDS = 0.2  # between two looks whether the service still lives
FEW = 4  # records that are answered at once; for more, others have a turn


def socket_of(folder: Path) -> str:
    """Return where the store of a folder listens.

    Raises
    ------
    PipelineError
        The path is longer than a socket's may be.
    """
    path = str(folder / SOCKET)
    if len(path.encode()) > LONGEST:
        raise PipelineError(f"SERVE_STORE: {path}: a socket's path has at most {LONGEST} bytes; use a shorter folder")
    return path


class Door(asyncio.Protocol):
    """The connection of one worker.

    Parameters
    ----------
    store : OnDisk
        What it asks.
    digest : str
        Of the feature list that the store is open for.
    """

    def __init__(self, store: OnDisk, digest: str) -> None:
        self._store, self._digest = store, digest
        self._frames = Frames(Ask)
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: Callable[[bytes], None]

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._out = transport.write

    def data_received(self, data: bytes) -> None:
        """Answer questions: those that wait for nothing at once, in one write."""
        answers = []
        for ask in self._frames.feed(data):
            if ask.what == "features" and len(ask.events) <= FEW:
                answers.append(self._told(ask))
            else:
                task = asyncio.create_task(self._answer(ask))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if answers:
            self._out(b"".join(answers))

    def _told(self, ask: Ask) -> bytes:
        try:
            return sent(Reply(ask.number, [self._store.ask(_event(c), row) for row, c in enumerate(ask.events)]))
        except Refusal as refusal:
            return _refused(ask, refusal)

    async def _answer(self, ask: Ask) -> None:
        try:
            self._out(sent(Reply(ask.number, await self._found(ask))))
        except Refusal as refusal:
            self._out(_refused(ask, refusal))

    async def _found(self, ask: Ask) -> Any:
        match ask.what:
            case "features":
                return await in_turns(self._store.ask, [_event(change) for change in ask.events])
            case "keep":
                return await self._store.keep([unpacked(change) for change in ask.events])
            case "size":
                return await self._store.size()
            case "problem":
                return self._store.problem
            case "list" if ask.text == self._digest:
                return None
        raise Refusal(409, "other_list", "the store process was started with another feature list; restart the service")


def serve(bundle_folder: Path, place: str) -> None:
    """Keep the store of a folder until SIGTERM or SIGINT; then commit and return.

    Parameters
    ----------
    bundle_folder : Path
        Its feature list is that of the store, its snapshot what a new store starts with.
    place : str
        The folder.

    Raises
    ------
    PipelineError
        The store can't be opened.
    """
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(bundle_folder), Path(place)))


async def _serve(bundle_folder: Path, folder: Path) -> None:
    manifest = bundle.read_manifest(bundle_folder)
    contract, schema = (json.loads(bundle.read(bundle_folder, manifest, n)) for n in ("features.json", "schema.json"))
    made, end = FeatureList.of(contract, schema), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    if not made.plan.tracks:  # nobody will ask
        await _ended(end)
        return
    path = socket_of(folder)
    store = open_folder(folder, made, bundle_folder, manifest)
    try:
        # The store's lock is ours, so a socket that is there is of a process that has died.
        Path(path).unlink(missing_ok=True)
        server = await asyncio.get_running_loop().create_unix_server(lambda: Door(store, made.digest), path)
        Path(path).chmod(0o600)
        await _ended(end)
        server.close()
    finally:
        await store.close()


async def _ended(end: asyncio.Event) -> None:
    """Return when a signal has come, or whoever started this process has died: the next one needs the folder."""
    parent = os.getppid()
    while not end.is_set() and os.getppid() == parent:
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), GLANCE_SECONDS)


def _event(change: Any) -> Event:
    return Event(change.time, change.key, change.values)


def _refused(ask: Ask, refusal: Refusal) -> bytes:
    return sent(Reply(ask.number, None, (refusal.status, refusal.kind, refusal.message, refusal.field)))


if __name__ == "__main__":
    run(lambda: serve(Path(sys.argv[1]), sys.argv[2]))
