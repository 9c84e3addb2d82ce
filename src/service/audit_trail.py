"""Every decision on record: the audit log of a service process, and what happens when it can't be written."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_writer import ChainWriter, open_chain, written
from lifecycle.release.audit.pseudonyms import Keyring
from lifecycle.repository.git import git
from service.decision_record import Decided, decided, encoded
from service.exchange import Exchange
from service.http_messages import RETRY
from service.online_store.group_commit import GroupCommit
from service.refusal import Refusal
from service.settings import Settings
from service.telemetry.service_metrics import Meters

GROUP, PAUSE = 100, 0.05  # decisions that are written at once, or seconds after which fewer are, where nobody waits
AGAIN = 0.2  # seconds between two attempts on a disk that takes nothing
MOST = 20_000  # decisions that may wait for the disk, where nobody waits for them
AT_ONCE = 1_000  # of these that are written at once: others need the processor too


class Gap(NamedTuple):
    """Decisions that were answered and are not on record: how many, and when the first was made (seconds, 1970)."""

    missing: int
    since: float

    @property
    def rows(self) -> int:
        """How many decisions wait: none, for these are lost."""
        return 0


class AuditTrail:
    """What puts decisions into a chain of the audit log.

    Parameters
    ----------
    writer : ChainWriter
        The chain.
    keyring : Keyring
        Gives pseudonyms.
    refuse : bool
        Whether an answer waits for its record, and is refused where there can be none. Otherwise answers never wait:
        decisions are queued, and when there are too many the rest is counted, in the metrics and by a record.
    meters : Meters
        Count what is not on record.
    """

    def __init__(self, writer: ChainWriter, keyring: Keyring, refuse: bool, meters: Meters) -> None:
        self._writer, self._keyring, self._refuse, self._meters = writer, keyring, refuse, meters
        self._commits = GroupCommit(self, _unavailable, "the audit log")
        self._queue: deque[Decided | Gap] = deque()
        self._put_rows = self._written_rows = 0  # each is counted by one thread only
        self._failed_at = 0.0
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, exchange: Exchange) -> None:
        """Put the decisions of an exchange on record; with `refuse`, return once they are on disk.

        Raises
        ------
        Refusal
            503: they could not be written, and nobody shall be told of them.
        """
        made = decided(exchange, time.time(), time.perf_counter() - exchange.began)
        if not self._refuse:
            self._put(made)
            return
        problem = self._commits.problem
        if problem is not None and time.monotonic() - self._failed_at < AGAIN:
            raise _unavailable(problem)
        self._queue.append(made)
        await self._commits.commit()

    async def close(self) -> None:
        """Write what is left, and that the chain ends in order."""
        with suppress(Refusal):  # it is logged
            while self._queue:
                await self._commits.commit()
        with suppress(Refusal):
            await self._commits.close()
        self._cancel()
        records = [("end", encoded({"time": written(time.time())}))]
        missing = self._waiting + sum(each.missing for each in self._queue if isinstance(each, Gap))
        if missing:
            self._meters.add("audit_dropped", amount=self._waiting)
            records.insert(0, _gap_record(Gap(missing, time.time())))
        with suppress(OSError):
            self._writer.append(records)
        self._writer.close()
        self._keyring.close()

    def take(self) -> list[Decided | Gap]:
        """Return what is to be written: all where somebody waits, otherwise as much as is quickly done."""
        taken: list[Decided | Gap] = []
        rows = 0
        while self._queue and (self._refuse or rows < AT_ONCE):
            taken.append(self._queue.popleft())
            rows += taken[-1].rows
        return taken

    def give_back(self, changes: list[Decided | Gap]) -> None:
        """Keep what could not be written for the next attempt, unless those who asked have been told of it."""
        self._failed_at = time.monotonic()
        if not self._refuse:
            self._queue.extendleft(reversed(changes))
            self._later(AGAIN)

    def append(self, changes: list[Decided | Gap]) -> None:
        """Put decisions on disk."""
        made = [each for each in changes if isinstance(each, Decided)]
        names = iter(self._keyring.of([entity for each in made for entity in each.entities]))
        records: list[tuple[str, bytes]] = []
        for each in changes:
            if isinstance(each, Gap):
                records.append(_gap_record(each))
            else:
                records += [("decision", fields) for fields in each.encoded(names)]
        self._writer.append(records)
        if not self._refuse:
            self._written_rows += sum(each.rows for each in made)

    @property
    def _waiting(self) -> int:
        """How many decisions are not on disk, where nobody waits for them."""
        return self._put_rows - self._written_rows

    def _put(self, made: Decided) -> None:
        """Queue decisions, or count them where too many are queued."""
        if self._waiting + made.rows > MOST:
            self._meters.add("audit_dropped", amount=made.rows)
            last = self._queue[-1] if self._queue else None
            if isinstance(last, Gap):
                self._queue[-1] = Gap(last.missing + made.rows, last.since)
            else:
                self._queue.append(Gap(made.rows, made.at))
            return
        self._queue.append(made)
        self._put_rows += made.rows
        if self._waiting >= GROUP and self._commits.problem is None:
            self._write()
        else:
            self._later(PAUSE)

    def _later(self, seconds: float) -> None:
        """Have the queue written after some time, unless that is planned."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(seconds, self._write)

    def _write(self) -> None:
        """Have the queue written, unless it is about to be."""
        self._cancel()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._flush())

    def _cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    async def _flush(self) -> None:
        with suppress(Refusal):  # it is logged, and tried again
            await self._commits.commit()
        if self._queue:
            self._later(PAUSE)


@asynccontextmanager
async def opened_trail(settings: Settings, meters: Meters) -> AsyncIterator[AuditTrail | None]:
    """Open the audit log of a process, where the settings name one, and close it.

    Raises
    ------
    PipelineError
        It can't be written, or its keys can't be used.
    """
    if not settings.audit:
        yield None
        return
    keyring, writer = Keyring(Path(settings.audit_keys)), open_chain(Path(settings.audit))
    try:
        writer.append([("start", encoded(_start(writer)))])
    except OSError as error:
        raise PipelineError(f"{settings.audit}: the audit log can't be written: {error.strerror}") from error
    trail = AuditTrail(writer, keyring, settings.audit_policy == "refuse", meters)
    try:
        yield trail
    finally:
        await trail.close()


def _start(writer: ChainWriter) -> dict[str, Any]:
    """Return what the record of a start says: whether the process before ended in order, and which code this one is."""
    found = {"time": written(time.time()), "torn": writer.torn, "clean": writer.head.kind in ("", "end")}
    with suppress(PipelineError):  # it does not run from a repository
        commit = git("rev-parse", "HEAD")
        found |= {} if commit is None else {"git": commit.strip()}
    return found


def _gap_record(gap: Gap) -> tuple[str, bytes]:
    return "gap", encoded({"missing": gap.missing, "since": written(gap.since)})


def _unavailable(problem: str) -> Refusal:
    words = f"the decision could not be put on record, and so is not given; try again: {problem}"
    return Refusal(503, "audit_unavailable", words, headers=RETRY)
