"""The process that keeps a store for several workers."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lifecycle.bundle.manifest import read_manifest, read_member
from lifecycle.core.errors import run
from lifecycle.features.online.record_schema import Event
from lifecycle.release.route import BUNDLES, read_route
from service.online_store.events import FeatureList, unavailable
from service.online_store.folder_store import OnDisk, open_folder
from service.online_store.memory_store import in_turns
from service.online_store.store_messages import Ask, Frames, Reply, sent, socket_of, unpacked
from service.process_identity import own
from service.refusal import Refusal

FEW = 4  # records that are answered at once; for more, others have a turn
GLANCE_SECONDS = 0.05  # between two looks whether the service still lives, and whether it is to end


class Door(asyncio.Protocol):
    """The connection of one worker.

    Parameters
    ----------
    store : OnDisk
        What it asks.
    digest : str
        Of the feature list that the store is open for.
    there : set of Door
        Those that are connected.
    """

    def __init__(self, store: OnDisk, digest: str, there: "set[Door]") -> None:
        self._store, self._digest, self._there = store, digest, there
        self._frames = Frames(Ask)
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: Callable[[bytes], None]

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._out = transport.write
        self._there.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._there.discard(self)

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
            case "list":
                return self._check(*ask.text.rpartition(" ")[::2])
        raise AssertionError(ask.what)

    def _check(self, digest: str, asking: str) -> None:
        """Raise when a worker has another feature list, or is of another service, which may be about to follow."""
        if asking != own():
            raise unavailable("another service keeps it")
        if digest == self._digest:
            return
        raise Refusal(409, "other_list", "the store process was started with another feature list; restart the service")


def _event(change: Any) -> Event:
    return Event(change.time, change.key, change.values)


def _refused(ask: Ask, refusal: Refusal) -> bytes:
    return sent(Reply(ask.number, None, (refusal.status, refusal.kind, refusal.message, refusal.field)))


def serve(bundle_folder: Path, place: str) -> None:
    """Serve a folder's store until SIGTERM or SIGINT; then wait for the workers to end or a second signal, and commit.

    A console and systemd signal all processes of a service at once, and its workers still have requests to answer.

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
    manifest = read_manifest(bundle_folder)
    contract, schema = (json.loads(read_member(bundle_folder, manifest, n)) for n in ("features.json", "schema.json"))
    made, signals, there = FeatureList.of(contract, schema), list[int](), set[Door]()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.append, number)
    if not made.plan.tracks:  # nobody will ask
        await _until(lambda: bool(signals))
        return
    path = socket_of(folder)
    store = open_folder(folder, made, bundle_folder, manifest)
    try:
        # The store's lock is ours, so a socket that is there is of a process that has died.
        Path(path).unlink(missing_ok=True)
        server = await asyncio.get_running_loop().create_unix_server(lambda: Door(store, made.digest, there), path)
        Path(path).chmod(0o600)
        await _until(lambda: len(signals) > bool(there))
        server.close()
    finally:
        await store.close()


async def _until(ended: Callable[[], bool]) -> None:
    """Return when it is time, or whoever started this process has died: the next one needs the folder."""
    parent = os.getppid()
    while os.getppid() == parent and not ended():
        await asyncio.sleep(GLANCE_SECONDS)


def bundle_of(folder: Path) -> Path:
    """Return a folder that is a bundle, or the champion of one that is an environment."""
    route = read_route(folder)
    return folder if route is None else folder / BUNDLES / route.champion


if __name__ == "__main__":
    run(lambda: serve(bundle_of(Path(sys.argv[1])), sys.argv[2]))
