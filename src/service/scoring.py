"""What every protocol's requests go through: rows, features where they are to be made, scores, an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from lifecycle.bundle.servable import Batch, Servable
from service.admission import Admission
from service.arms import UNSOUND, Assigned, Trial, explained, is_sound
from service.batching import Job
from service.current_model import Current
from service.exchange import Exchange, values
from service.http_messages import JSON, RETRY, Reply, Request, json_reply
from service.inputs import faults
from service.inputs.row_forms import check_rows, of_model
from service.live_bundle import Live
from service.online_store import events
from service.online_store.history import Home
from service.protocol import CONFLICT, Answer, Endpoint, Examples, Inputs, Operation
from service.protocols.json_body import Forms, parsed
from service.refusal import Refusal
from service.routing import Answered
from service.settings import Settings
from service.telemetry.service_metrics import Meters

APART = 64  # rows from which scoring leaves the event loop, so that single rows do not wait for it
T = TypeVar("T")
Count = Annotated[int, Meta(ge=0)]


class Events(Struct, forbid_unknown_fields=True):
    """Transactions that have happened and labels that have become known."""

    events: Annotated[Any, of_model("EventList")]


class Kept(Struct, forbid_unknown_fields=True):
    """How many events were taken, were known already, or are labels of unknown transactions."""

    accepted: Count
    repeated: Count
    unknown: Count
    request_id: str


def examples(rows: Examples) -> dict[str, Any]:
    """Return a transaction and its label."""
    return {"a transaction, and its label": {"events": [rows.raw, {"label": rows.label}]}}


FORMS = Forms(Events)
EVENTS = Operation(
    method="POST", path="/events", takes={JSON: [Events]}, answers={JSON: [Kept]}, examples=examples, refused=CONFLICT,
    summary="Keep transactions that have happened and labels that have become known; answered once they are on disk",
)  # fmt: skip


class Scoring:
    """Answers with scores, and takes events.

    Parameters
    ----------
    current : Current
        The model.
    settings : Settings
        Limits, and whether the log shows values.
    meters : Meters
        Count scores.
    home : Home
        Keeps what features of raw transactions are made from.
    admission : Admission
        Told when a request waits no more.
    ready : callable
        Tells whether requests should be sent here.
    """

    def __init__(
        self, current: Current, settings: Settings, meters: Meters, home: Home, admission: Admission,
        ready: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._current, self._settings, self._meters, self._home = current, settings, meters, home
        self._admission, self._ready = admission, ready
        self._pool, self._turn = ThreadPoolExecutor(1, "score"), asyncio.Lock()  # more would slow the event loop

    def score(self, endpoint: Endpoint, exchange: Exchange, request: Request) -> Answered:
        """Answer a request of a protocol, at once when that is quick."""
        live = self._current.live
        exchange.live, exchange.servable, exchange.routed = live, live.servable, self._current.routed
        inputs = endpoint.decode(live.servable, request, self._settings.max_rows)
        finish = partial(self._answer, endpoint, exchange, inputs)
        if inputs.batch is not None:
            return self._job(exchange, Job(live, inputs.batch, finish), inputs, None)
        if inputs.records is None:
            return endpoint.encode(live.servable, inputs, Answer(None, None, request.id, self._ready()))
        made = self._home.features(inputs.records, live.servable)
        if isinstance(made, events.Found):
            return self._job(exchange, Job(live, made.batch, finish), inputs, made)
        return self._later(exchange, live, finish, inputs, made)

    def _job(self, exchange: Exchange, job: Job, inputs: Inputs, made: events.Found | None) -> Job | Awaitable[Reply]:
        """Have rows scored with those of other requests, or apart when that takes long."""
        rows, reasons = len(job.batch.numbers), inputs.reasons
        if rows > 1:
            self._admission.weigh(exchange, rows)
        trial = None if exchange.routed is None or inputs.pinned else exchange.routed.trial
        if trial is not None:
            return self._tried(exchange, job, trial, reasons, made)
        return self._apart(exchange, job, reasons, made) if reasons or rows > APART else job

    def _tried(
        self, exchange: Exchange, job: Job, trial: Trial, reasons: int, made: events.Found | None
    ) -> Job | Awaitable[Reply]:
        """Have each row scored by its arm: beside the event loop where one request has rows of both."""
        records, header = None if made is None else made.records, exchange.headers.get(b"x-entity")
        assigned = exchange.assigned = trial.assign(job.batch, records, header, exchange.id)
        if reasons or len(assigned.taken) > APART or assigned.mixed:
            return self._apart(exchange, job, reasons, made)
        if not assigned.count:
            return job
        failed = partial(self._instead, exchange, job)

        def finish(batch: Batch, scored: Any) -> Reply:
            if not is_sound(scored):
                return failed(ArithmeticError(UNSOUND))
            exchange.answered_by(trial.challenger)
            return job.finish(batch, scored)

        return Job(trial.challenger, trial.view(job.batch), finish, failed)

    def _instead(self, exchange: Exchange, job: Job, error: Exception) -> Reply:
        """Answer with the champion what the challenger has failed to."""
        assert exchange.assigned is not None
        exchange.assigned.fail(error)
        return job.answer()

    async def _later(
        self, exchange: Exchange, live: Live, finish: Callable[..., Reply], inputs: Inputs,
        making: Awaitable[events.Found],
    ) -> Reply:  # fmt: skip
        """Score rows whose features take a wait."""
        made = await self._store(making)
        found = self._job(exchange, Job(live, made.batch, finish), inputs, made)
        return found.answer() if isinstance(found, Job) else await found

    async def _apart(self, exchange: Exchange, job: Job, reasons: int, made: events.Found | None) -> Reply:
        """Score beside the event loop."""
        assigned, batch = exchange.assigned, job.batch
        work = partial(_scored, job.live.servable, batch, made, reasons, assigned)
        async with self._turn:
            self._admission.leave(exchange)
            begin = perf_counter()
            scored, why = await asyncio.get_running_loop().run_in_executor(self._pool, work)
            self._admission.took(perf_counter() - begin)
        if assigned is not None and assigned.count == len(assigned.taken):
            exchange.answered_by(assigned.trial.challenger)
            batch = assigned.trial.view(batch)
        return job.finish(batch, scored, why)

    def _answer(
        self, endpoint: Endpoint, exchange: Exchange, inputs: Inputs, batch: Batch, scored: Any, reasons: Any = None
    ) -> Reply:
        """Count scores, and put them into the protocol's form."""
        live = exchange.live
        live.tally.add(*live.kind.counted(scored))
        live.nulls.add(batch)
        exchange.scored, exchange.batch, exchange.records, exchange.reasons = scored, batch, inputs.records, reasons
        if self._settings.log_values:
            exchange.shown = batch
        return endpoint.encode(live.servable, inputs, Answer(scored, reasons, exchange.id))

    async def events(self, exchange: Exchange, request: Request) -> Reply:
        """Keep transactions and labels; the answer says that they are on disk."""
        exchange.action, exchange.servable = "events", self._current.live.servable
        found = FORMS.read(parsed(request.body)).events
        if type(found) is not list:
            raise faults.wrong_type("'events'", found, "a list of transactions and labels", "events")
        check_rows(len(found), self._settings.max_rows)
        outcome = await self._store(self._home.keep(found, exchange.servable))
        exchange.kept = outcome._asdict()
        return json_reply(Kept(*outcome, request.id))

    async def _store(self, found: Awaitable[T]) -> T:
        """Wait for the online store, but not for ever."""
        seconds = self._settings.request_timeout
        try:
            async with asyncio.timeout(seconds):
                return await found
        except TimeoutError:
            message = f"the online store has not answered within {seconds:g} s; try again"
            raise Refusal(503, "store_timeout", message, headers=RETRY) from None


def _scored(
    servable: Servable, batch: Batch, found: events.Found | None, reasons: int, assigned: Assigned | None
) -> tuple[Any, Sequence[Any] | None]:
    """Return scores of rows, and as many reasons for each as asked for."""
    rows = None if not reasons else values(servable, batch) if found is None else found.rows
    return explained(servable, batch, rows, reasons) if assigned is None else assigned.scored(rows, reasons)
