"""From a request to its answer: the route, who asks, the body, what is counted and logged."""

import traceback
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from service.admission import Admission
from service.api_keys import Keys
from service.batching import Batcher, Job
from service.body import GoneError, Receive, check_type, decompressed, read_body
from service.exchange import Exchange
from service.messages import RETRY, Reply, Request, refused
from service.refusal import Refusal
from service.routing import Route, Routes
from service.settings import Settings
from service.telemetry.log import Log
from service.telemetry.service_metrics import Meters

Send = Callable[[Any], Awaitable[None]]


class RequestHandler:
    """Answers requests as ASGI hands them over.

    Parameters
    ----------
    routes : Routes of Route
        What is answered.
    settings : Settings
        Limits.
    meters : Meters
        Count requests.
    log : Log
        Takes a line for each request.
    keys : Keys, optional
        Who may ask; None: everybody.
    admission : Admission
        Says when too many wait.
    """

    def __init__(
        self, routes: Routes[Route], settings: Settings, meters: Meters, log: Log, keys: Keys | None,
        admission: Admission,
    ) -> None:  # fmt: skip
        self._find, self._settings, self._meters, self._log, self._keys = routes.find, settings, meters, log, keys
        self._admission, self._batcher = admission, Batcher(admission)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope)
        self._meters.in_flight(1)
        try:
            reply = await self._reply(exchange, scope, receive)
        except GoneError:
            return
        except Exception as error:
            reply = self._failed(exchange, error)
        finally:
            self._admission.leave(exchange)
            self._meters.in_flight(-1)
        reply = self._done(exchange, reply)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.all_headers()})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, exchange: Exchange, scope: Mapping[str, Any], receive: Receive) -> Reply:
        route, parameters = self._find(scope["method"], scope["path"])
        exchange.route, exchange.logged = route.path, route.logged
        if not route.exempt:
            self._admit(exchange, route)
        body = b""
        if route.method == "POST":  # what can be refused before the body is: who may not ask need not send it
            check_type(exchange.headers, route.accepts)
            most = self._settings.max_body
            body = decompressed(await read_body(receive, exchange.headers, most), exchange.headers, most)
        found = route.answer(exchange, Request(scope["path"], parameters, exchange.headers, body, exchange.id))
        if isinstance(found, Job):
            return await self._batcher.add(exchange, found)
        return found if isinstance(found, Reply) else await found

    def _admit(self, exchange: Exchange, route: Route) -> None:
        """Let a request wait.

        Raises
        ------
        Refusal
            401: nobody known asks. 503: too many wait.
        """
        if self._keys is not None:
            exchange.client = self._keys.client(exchange.headers)
        if route.vital:
            return
        if self._admission.full():
            self._meters.add("shed")
            message = f"it would take more than {self._settings.max_wait_ms:g} ms; try again"
            raise Refusal(503, "overloaded", message, headers=RETRY)
        self._admission.enter(exchange)

    def _failed(self, exchange: Exchange, error: Exception) -> Reply:
        failure = error if isinstance(error, Refusal) else self._internal(error)
        exchange.failure = failure
        self._meters.add("errors", "kind", failure.kind)
        # It holds the frames that it went through, and these hold it and the connection: a matter for the collector.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        return refused(failure, exchange.id)

    def _internal(self, error: Exception) -> Refusal:
        trace = "".join(traceback.format_exception(error))
        self._log.event("error", "a request failed", "error", {"error.stack_trace": trace})
        return Refusal(500, "internal", "an error of the service; its log says more")

    def _done(self, exchange: Exchange, reply: Reply) -> Reply:
        """Count and log an answer, and name the request in it."""
        exchange.end(reply.status)
        self._meters.request(exchange.route, reply.status, exchange.seconds)
        if exchange.logged or exchange.failure is not None:  # in the loop's next turn: the answer goes out first
            get_running_loop().call_soon(self._write_line, exchange)
        named = ((b"x-request-id", exchange.id.encode()), *reply.headers)
        if exchange.span is not None:
            named = (*named, (b"traceparent", exchange.span.header()))
        return Reply(reply.status, reply.content_type, reply.body, named)

    def _write_line(self, exchange: Exchange) -> None:
        self._log.put(exchange.at, exchange.fields())
