"""Looks at the folder that a model is served from, and brings what is new to where it is used."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from lifecycle.model.servable import Servable
from lifecycle.stage import PipelineError

LOOKS = 5  # at a folder that can't be read, until that is told: while it is replaced there is none for a moment
Signature = tuple[tuple[str, int, int, int], ...]


def signature(folder: Path) -> Signature:
    """Return what tells that a folder's files are others than before; empty when there is none."""
    try:
        found = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    except OSError:  # on its way: it is looked at again soon
        return ()
    return tuple((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found)


class Watch:
    """A watch over a bundle: what changes is loaded beside the one that serves, and takes its place or is not used.

    Parameters
    ----------
    folder : Path
        The bundle, or a link to it.
    seen : Signature
        What was there before the one that serves was read.
    load : callable
        From folder to servable, in a thread; `PipelineError` when it is not to be served.
    put : callable
        Takes the new one.
    failed : callable
        Takes the reason why there is none.
    """

    def __init__(
        self,
        folder: Path,
        seen: Signature,
        load: Callable[[Path], Servable],
        put: Callable[[Servable], None],
        failed: Callable[[str], None],
    ) -> None:
        self._folder, self._load, self._put, self._failed = folder, load, put, failed
        self._seen, self._empty = seen, 0
        self._now = asyncio.Event()

    def hurry(self) -> None:
        """Load what is there now, changed or not."""
        self._seen, self._empty = (), LOOKS - 1
        self._now.set()

    async def run(self, seconds: float) -> None:
        """Watch for ever, every so many seconds; 0: only when told to hurry."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), seconds or None)
            self._now.clear()
            await self.look()

    async def look(self) -> None:
        """Look once."""
        found = signature(self._folder)
        self._empty = 0 if found else self._empty + 1
        if self._empty == LOOKS:
            self._failed(f"{self._folder}: can't be read")
        if not found or found == self._seen:
            return
        self._seen = found  # before it is read: what changes while it is read is seen the next time
        try:
            self._put(await asyncio.to_thread(self._load, self._folder))
        except (PipelineError, OSError) as error:
            self._failed(str(error))
        except Exception as error:  # whatever is wrong with a bundle, the next one may be right
            self._failed(f"{self._folder}: {error!r}")
