"""The challenger scores what the champion has answered, beside the service: its answers are logged and go to nobody."""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lifecycle.bundle.servable import Batch
from service.answers.kinds import kind_of
from service.arms import CHALLENGER, UNSOUND, Assigned, is_sound
from service.batching import together
from service.exchange import Exchange, identities, values
from service.live_bundle import TOGETHER, Live
from service.telemetry.arm_metrics import ArmMeters
from service.telemetry.log import Log
from service.telemetry.service_metrics import Meters

WAITING = 8192  # rows that may wait; more are not scored, but counted
PAUSE = 0.002  # seconds in which requests gather, as many are scored together for little more than one
REST = 1.0  # of the time that it has worked: it takes half a processor at most, and less of the interpreter


class Shadowed(NamedTuple):
    """A request that was answered, and its rows as the challenger takes them."""

    assigned: Assigned
    live: Live
    batch: Batch
    fields: dict[str, Any]
    at: float


class Shadow:
    """A bounded queue of answered requests, and the thread that has the challenger score them.

    Parameters
    ----------
    log : Log
        Gets a line for each, with `event.action` "shadow".
    meters : Meters
        Count what is scored, and what is not because too much waits.
    arms : ArmMeters
        Count scores and decisions.
    with_values : bool
        Whether lines hold the values of features.
    """

    def __init__(self, log: Log, meters: Meters, arms: ArmMeters, with_values: bool) -> None:
        self._log, self._meters, self._arms, self._with_values = log, meters, arms, with_values
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Shadowed] = deque()
        self._put = self._taken = 0  # rows; each is counted by one thread only
        self._ended = False
        self._filled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        for name in ("shadow_scored", "shadow_dropped"):
            meters.cells.at(name)

    def add(self, exchange: Exchange, assigned: Assigned) -> None:
        """Have an answered request scored by the challenger, unless too many wait; never waits itself."""
        rows = len(assigned.taken)
        if self._put - self._taken + rows > WAITING:
            self._meters.add("shadow_dropped")
            return
        trial = assigned.trial
        fields = {"http.request.id": exchange.id, "url.path": exchange.route, "route.epoch": trial.route.epoch}
        self._put += rows
        self._queue.append(Shadowed(assigned, trial.challenger, trial.view(assigned.batch), fields, exchange.at))
        if self._thread.ident is None:
            self._thread.start()
        if not self._filled.is_set():
            self._filled.set()

    async def close(self, seconds: float) -> None:
        """Score what is left, for so long at most; the rest is counted as dropped."""
        self._ended = True
        self._filled.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, seconds)
        self._meters.add("shadow_dropped", amount=float(len(self._queue)))
        self._queue.clear()

    def _run(self) -> None:
        lower_priority()
        while not self._ended:
            self._filled.wait()
            self._filled.clear()
            if not self._ended:
                time.sleep(PAUSE)
            while self._queue:
                begin = time.perf_counter()
                self._work(self._take())
                time.sleep(REST * (time.perf_counter() - begin))

    def _take(self) -> list[Shadowed]:
        """Take the oldest request, and those behind it that may be scored together with it."""
        found = [self._queue.popleft()]
        live, rows = found[0].live, len(found[0].batch.numbers)
        while live.alike and self._queue and self._queue[0].live is live:
            rows += len(self._queue[0].batch.numbers)
            if rows > TOGETHER:
                break
            found.append(self._queue.popleft())
        return found

    def _work(self, taken: Sequence[Shadowed]) -> None:
        try:
            found = [_sound(scored) for scored in together(taken[0].live.servable, taken)]
        except Exception:  # whose rows it is can be told when each is scored for itself
            found = [_attempt(each) for each in taken]
        lines = [self._log.line(one.at, self._fields(one, scored)) for one, scored in zip(taken, found, strict=True)]
        counted = [
            one.live.kind.counted(scored)
            for one, scored in zip(taken, found, strict=True)
            if not isinstance(scored, Exception)
        ]
        self._taken += sum(len(one.batch.numbers) for one in taken)
        try:  # what is counted, and the log, are the event loop's
            self._loop.call_soon_threadsafe(self._tell, taken, found, lines, counted)
        except RuntimeError:  # it is closed: the service has ended without waiting
            self._ended = True

    def _tell(
        self, taken: Sequence[Shadowed], found: Sequence[Any], lines: Sequence[bytes],
        counted: Sequence[tuple[np.ndarray, np.ndarray]],
    ) -> None:  # fmt: skip
        for line in lines:
            self._log.add(line)
        for one, error in zip(taken, found, strict=True):
            if isinstance(error, Exception):
                one.assigned.error = error
                self._arms.failed(one.assigned)
        if counted:
            self._arms.of(CHALLENGER, taken[0].live).rows(*map(np.concatenate, zip(*counted, strict=True)))
        self._meters.add("shadow_scored", amount=float(len(taken)))

    def _fields(self, one: Shadowed, scored: Any) -> dict[str, Any]:
        """Return what the log says: the fields of the answered request's own line, with what the challenger decides."""
        servable, failed = one.live.servable, isinstance(scored, Exception)
        found: dict[str, Any] = {
            "log.level": "error" if failed else "info",
            "message": "the challenger has failed" if failed else f"{len(scored.score)} scored",
            "event.action": "shadow",
            "event.outcome": "failure" if failed else "success",
            **one.fields,
            "service.version": servable.version,
        }
        if isinstance(scored, Exception):
            return found | {"error.type": type(scored).__name__}
        found |= kind_of(servable).logged(servable, scored)
        found |= {"decision.arm": CHALLENGER, "decision.places": one.assigned.logged()["decision.places"]}
        if self._with_values:
            found["decision.features"] = values(servable, one.batch, identities(servable))
        return found


def lower_priority() -> None:
    """Have the calling thread give way to others; only Linux knows priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _sound(scored: Any) -> Any:
    if not is_sound(scored):
        raise ArithmeticError(UNSOUND)
    return scored


def _attempt(one: Shadowed) -> Any:
    try:
        return _sound(one.live.servable.score(one.batch))
    except Exception as error:
        return error
