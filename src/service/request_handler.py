"""From a request to its answer: the route, who asks, the body, what is counted and logged."""

import logging
import traceback
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from service.access import Keys, Origins
from service.admission import Admission
from service.audit_trail import AuditTrail
from service.batching import Batcher, Job
from service.body import GoneError, Receive, check_type, read_body
from service.exchange import Exchange
from service.http_messages import RETRY, Reply, Request, refused
from service.refusal import Refusal
from service.routing import Answered, Route, Routes
from service.settings import Settings
from service.telemetry.service_metrics import Meters

INTERNAL = Refusal(500, "internal", "an error of the service; its log says more")
log = logging.getLogger(__name__)
Send = Callable[[Any], Awaitable[None]]


class RequestHandler:
    """Answers requests as ASGI hands them over.

    Parameters
    ----------
    routes : Routes
        What is answered.
    settings : Settings
        Limits.
    meters : Meters
        Count requests.
    record : callable
        Takes what is known of a request, in the turn of the loop behind its answer.
    keys : Keys, optional
        Who may ask; None: everybody.
    admission : Admission
        Says when too many wait.

    Attributes
    ----------
    audit : AuditTrail or None
        Puts decisions on record; None: nothing does.
    """

    audit: AuditTrail | None = None

    def __init__(
        self, routes: Routes, settings: Settings, meters: Meters, keys: Keys | None, admission: Admission,
        record: Callable[[Exchange], None],
    ) -> None:  # fmt: skip
        self._find, self._settings, self._meters, self._keys, self._record = routes.find, settings, meters, keys, record
        self._admission, self._batcher = admission, Batcher(admission)
        self._loop = get_running_loop()
        self._origins = Origins(settings.cors_origins) if settings.cors_origins else None
        self._unrecorded: list[Exchange] = []

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope)
        try:
            found = self._preflight(exchange)
            if found is None:
                route, parameters = self._find(exchange.method, scope["path"])
                self._admit(exchange, route)
                body = b""
                if route.method == "POST":
                    body = await read_body(receive, exchange.headers, self._settings.max_body)
                found = route.answer(exchange, Request(scope["path"], parameters, exchange.headers, body, exchange.id))
            if isinstance(found, Job):
                found = self._batcher.add(found)
            reply = found if isinstance(found, Reply) else await found
        except GoneError:
            return
        except Exception as error:
            reply = self._failed(exchange, error)
        finally:
            self._admission.leave(exchange)
        if self.audit is not None and exchange.scored is not None and exchange.failure is None:
            reply = await self._on_record(self.audit, exchange, reply)
        self._note(exchange, reply)
        await send({"type": "http.response.start", "status": reply.status, "headers": self._headers(exchange, reply)})
        await send({"type": "http.response.body", "body": reply.body})

    def _admit(self, exchange: Exchange, route: Route) -> None:
        """Let a request wait; before its body is read, so that who may not ask need not send it.

        Raises
        ------
        Refusal
            401: nobody known asks. 415: a body of a type that is not read. 503: too many wait.
        """
        exchange.route, exchange.logged = route.path, route.logged
        if self._keys is not None and not route.exempt:
            exchange.client = self._keys.client(exchange.headers)
        if route.method == "POST":
            check_type(exchange.headers, route.accepts)
        if route.logged:
            if self._admission.full(exchange.began):
                self._meters.add("shed")
                message = f"it would take more than {self._settings.max_wait_ms:g} ms; try again"
                raise Refusal(503, "overloaded", message, headers=RETRY)
            self._admission.enter(exchange, exchange.began)

    def _failed(self, exchange: Exchange, error: Exception) -> Reply:
        failure = error if isinstance(error, Refusal) else INTERNAL
        if failure is INTERNAL:
            trace = "".join(traceback.format_exception(error))  # as text: whoever keeps the error keeps the connection
            log.error("a request failed", extra={"trace": trace})
        exchange.failure = failure
        self._meters.add("errors", "kind", failure.kind)
        # It holds the frames that it went through, and these hold it and the connection: a matter for the collector.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        return refused(failure, exchange.id)

    async def _on_record(self, audit: AuditTrail, exchange: Exchange, reply: Reply) -> Reply:
        """Return the answer once its decisions are on record, or why it is not given."""
        try:
            await audit.keep(exchange)
        except Exception as error:
            return self._failed(exchange, error)
        return reply

    def _note(self, exchange: Exchange, reply: Reply) -> None:
        """Count and log an answer."""
        exchange.end(reply.status)
        self._meters.request(exchange.route, reply.status, exchange.seconds)
        if exchange.logged or exchange.failure is not None:
            if not self._unrecorded:  # in the loop's next turn: answers go out first
                self._loop.call_soon(self._record_all)
            self._unrecorded.append(exchange)

    def _record_all(self) -> None:
        answered, self._unrecorded = self._unrecorded, []
        for exchange in answered:
            self._record(exchange)

    def _preflight(self, exchange: Exchange) -> Answered | None:
        return self._origins.preflight(exchange.method, exchange.headers) if self._origins is not None else None

    def _headers(self, exchange: Exchange, reply: Reply) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer: what its body is, and which request it answers."""
        found = reply.all_headers()
        found.append((b"x-request-id", exchange.id.encode()))
        if exchange.routed is not None:
            found.append((b"x-route-epoch", b"%d" % exchange.routed.epoch))
        if exchange.span is not None:
            found.append((b"traceparent", exchange.span.header()))
        if self._origins is not None:
            found += self._origins.headers(exchange.headers)
        return found
