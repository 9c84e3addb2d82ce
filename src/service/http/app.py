"""The application: from requests to answers, and what is counted and logged of them. Bare ASGI, no framework.

Our own connections hand over requests that have come whole, all of one turn of the event loop together: that saves a
task and the messages of ASGI for each, and the model scores their rows in one go. For large bodies, and with another
server, it is an ASGI application like any other.
"""

import traceback
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from service.errors import Refusal
from service.http.body import GoneError, Receive, check_type, decompressed, read_body
from service.http.headers import Keys, headers_of, refused
from service.http.routing import Exchange, Found, Job, Route, Routes, answers
from service.http.server_state import State
from service.requests import Reply, Request
from service.telemetry.log import Log

Send = Callable[[Any], Awaitable[None]]


class App:
    """An ASGI application.

    Parameters
    ----------
    routes : Routes of Route
        What is answered.
    state : State
        Shared with the connections: settings, meters, how many requests wait.
    log : Log
        Takes a line for each request.
    keys : Keys, optional
        Who may ask; None: everybody.
    """

    def __init__(self, routes: Routes[Route], state: State, log: Log, keys: Keys | None) -> None:
        self._find, self._log, self._keys = routes.find, log, keys
        self._meters, self._admission, self._max_body = state.meters, state.admission, state.settings.max_body

    def take(self, requests: Sequence[tuple[Mapping[str, Any], bytes]]) -> list[Reply | Awaitable[Reply]]:
        """Answer requests, each an ASGI scope and the whole body; those that take long, later. Never raises."""
        begun = [self._begin(Exchange(scope), scope, body) for scope, body in requests]
        answered = iter(answers([found for _, found in begun if isinstance(found, Job)]))
        return [self._end(exchange, next(answered) if isinstance(found, Job) else found) for exchange, found in begun]

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope)
        try:
            self._route(exchange, scope)  # before the body: who may not ask need not send it
            body = await read_body(receive, exchange.headers, self._max_body)
        except GoneError:
            return
        except Exception as error:
            reply = self._done(exchange, self._failed(exchange, error))
        else:
            (found,) = self.take([(scope, body)])
            reply = found if isinstance(found, Reply) else await found
        await send({"type": "http.response.start", "status": reply.status, "headers": headers_of(reply)})
        await send({"type": "http.response.body", "body": reply.body})

    def _route(self, exchange: Exchange, scope: Mapping[str, Any]) -> tuple[Route, Mapping[str, str]]:
        """Find what answers, and check who asks and what comes."""
        route, parameters = self._find(scope["method"], scope["path"])
        exchange.route, exchange.logged = route.path, route.logged
        if self._keys is not None and not route.exempt:
            exchange.client = self._keys.client(exchange.headers)
        if route.method == "POST":
            check_type(exchange.headers, route.accepts)
        return route, parameters

    def _begin(self, exchange: Exchange, scope: Mapping[str, Any], body: bytes) -> tuple[Exchange, Found | Exception]:
        try:
            route, parameters = self._route(exchange, scope)
            body = decompressed(body, exchange.headers, self._max_body) if route.method == "POST" else b""
            asked = Request(scope["path"], parameters, exchange.headers, body, exchange.id)
            return exchange, route.answer(exchange, asked)
        except Exception as error:
            return exchange, error

    def _end(self, exchange: Exchange, found: Reply | Awaitable[Reply] | Exception) -> Reply | Awaitable[Reply]:
        if isinstance(found, Exception):
            found = self._failed(exchange, found)
        return self._done(exchange, found) if isinstance(found, Reply) else self._wait(exchange, found)

    async def _wait(self, exchange: Exchange, found: Awaitable[Reply]) -> Reply:
        try:
            reply = await found
        except Exception as error:
            reply = self._failed(exchange, error)
        return self._done(exchange, reply)

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
        self._admission.answered += 1
        self._meters.request(exchange.route, reply.status, exchange.seconds)
        if exchange.logged or exchange.failure is not None:  # in the loop's next turn: the answer goes out first
            get_running_loop().call_soon(self._tell, exchange)
        named = ((b"x-request-id", exchange.id.encode()), *reply.headers)
        if exchange.span is not None:
            named = (*named, (b"traceparent", exchange.span.header()))
        return Reply(reply.status, reply.content_type, reply.body, named)

    def _tell(self, exchange: Exchange) -> None:
        self._log.put(exchange.at, exchange.fields())
