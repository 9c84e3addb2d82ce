"""The process that keeps the online state for several others, behind a socket in the store's folder.

`serve` runs it; so does `python -m lifecycle.serving.online.store_process BUNDLE FOLDER` (with PYTHONPATH=src).
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from lifecycle.model import bundle
from lifecycle.serving.online.feature_list import FeatureList
from lifecycle.serving.online.on_disk import open_folder
from lifecycle.serving.online.store_door import Door
from lifecycle.stage import PipelineError, run

SOCKET = "store.sock"
LONGEST = 100  # bytes of a socket's path that every system takes
GLANCE_SECONDS = 0.05  # between two looks whether the service still lives, and whether it is to end


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


def serve(bundle_folder: Path, place: str) -> None:
    """Keep the store of a folder until SIGTERM or SIGINT, and until no worker is left or a second one; then commit.

    A terminal and systemd signal all processes of a service at once, and its workers still have requests to answer.

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


if __name__ == "__main__":
    run(lambda: serve(Path(sys.argv[1]), sys.argv[2]))
