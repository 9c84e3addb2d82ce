"""The served bundle: loaded, watched, and swapped without a lost request."""

import asyncio
import contextlib
import gc
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from service.answers.kinds import kind_of
from service.telemetry.exposition import Nulls
from service.telemetry.service_metrics import Meters

TOGETHER = 32  # rows that are scored together, at most: as many as it is tried with
LOOKS = 5  # at a folder that can't be read, until that is told: while it is replaced there is none for a moment
Signature = tuple[tuple[str, int, int, int], ...]


def load(folder: Path, name: str = "") -> Servable:
    """Return a bundle that matches its manifest and scores, under another name if there is one.

    Raises
    ------
    PipelineError
        It does not; says why.
    """
    place = folder.resolve()  # when the link is set to another folder meanwhile, one of the two is read, whole
    try:
        servable = Servable.load(place)
        servable.name = name or servable.name
        warm(servable)
    except (KeyError, ValueError, TypeError, BadZipFile) as error:
        message = f"{place}: its files are what the manifest says, and yet no bundle of this version's: {error!r}"
        raise PipelineError(message) from error
    return servable


def warm(servable: Servable) -> None:
    """Score some rows: the first ones are slow, and a model that can't score is better known before it serves."""
    servable.attribution  # noqa: B018 read now: the folder may be another model's when the first reason is asked for
    fault = kind_of(servable).fault(servable)
    if fault is not None:
        raise PipelineError(f"{servable.folder}: {fault}")
    for rows in (1, 1, 32):
        numbers = np.zeros((rows, len(servable.numbers)))
        texts = np.full((rows, len(servable.texts)), "", dtype=object) if servable.texts else None
        scored = servable.score(Batch(numbers, texts))
        if not np.isfinite(scored.score).all():
            raise PipelineError(f"{servable.folder}: the model's score of a row of zeros is no number")
    gc.collect()
    gc.freeze()  # what a model is made of lives as long as it serves: later collections need not look at it


class Live:
    """A servable, and what is made of it once; to be made in the event loop.

    Parameters
    ----------
    servable : Servable
        The model.
    meters : Meters
        What is counted.
    alike : bool
        Whether rows get the same bits scored together as alone. Trees add up row by row; a matrix product may not.
        The function `alike` tries it, and takes a while.
    """

    def __init__(self, servable: Servable, meters: Meters, alike: bool) -> None:
        self.servable, self.nulls, self.alike = servable, Nulls(meters.cells, servable), alike
        self.kind = kind_of(servable)
        self.tally = self.kind.tally(servable, meters.cells)


def alike(servable: Servable) -> bool:
    """Try whether a model gives rows the same scores, to the last bit, however many are scored at a time."""
    rows = np.random.default_rng(0).standard_normal((TOGETHER, len(servable.numbers))) * 100
    texts = np.full((TOGETHER, len(servable.texts)), "", dtype=object) if servable.texts else None

    def scores(start: int, end: int) -> np.ndarray:
        return servable.score(Batch(rows[start:end], None if texts is None else texts[start:end])).score

    alone = np.concatenate([scores(n, n + 1) for n in range(TOGETHER)])
    return all(np.array_equal(scores(0, n), alone[:n]) for n in range(2, TOGETHER + 1))


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
