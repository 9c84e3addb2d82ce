"""How a connection's requests get their answers: those that come whole together with others, in one write each."""

import time
from asyncio import Task
from collections.abc import Awaitable, Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.errors import Refusal
from service.http.headers import RETRY, refused, request_id, wire
from service.http.server_state import State
from service.requests import Reply

CLOSE = (b"connection", b"close")
NAMES = {b"upgrade", b"http2-settings"}
WHOLE = 1 << 16  # bytes of a body that is waited for before the application is asked


class Answering(HttpToolsProtocol):
    """Uvicorn's connection; `_start_asgi_task` is where it hands over a request whose headers have come.

    Attributes
    ----------
    since : float
        When what the connection is in now began.
    unanswered : int
        Requests whose headers have come.
    partial : RequestResponseCycle, optional
        The request of which only the body is missing.
    held : bool
        The client does not take its answers, so nothing more is read or answered.
    """

    server_state: State
    since: float
    unanswered: int
    partial: RequestResponseCycle | None
    held: bool

    def take(self, cycle: RequestResponseCycle, found: Reply | Awaitable[Reply]) -> None:
        """Take the application's answer to a request that had come whole."""
        if isinstance(found, Reply):
            self._answer(cycle, found)
        else:
            self._keep(self.loop.create_task(self._wait(cycle, found)))

    def on_response_complete(self) -> None:
        """Go on with the next request that has come, if there is one."""
        self.server_state.total_requests += 1
        self.unanswered -= 1
        if self.transport.is_closing():
            return
        if self.flow.write_paused:
            self.held = True
            self.flow.pause_reading()
        else:
            self._next()

    def resume_writing(self) -> None:
        """Go on: the client has taken what there was."""
        super().resume_writing()
        if self.held and not self.transport.is_closing():
            self.held = False
            self._next()

    def _next(self) -> None:
        self.since = self.server_state.now
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        state = self.server_state
        if state.admission.full() and cycle.scope["path"] not in state.vital:
            self._shed(cycle)
        elif not cycle.more_body:
            self.queue(cycle)
        elif cycle.waiting_for_100_continue:
            self.start(cycle)
        else:
            self.partial = cycle

    def queue(self, cycle: RequestResponseCycle) -> None:
        """Have a request that has come whole answered soon."""
        self.partial = None
        self.server_state.turn.add(self, cycle)

    def start(self, cycle: RequestResponseCycle) -> None:
        """Have the application read a body that does not come at once."""
        self.partial = None
        self._keep(self.loop.create_task(cycle.run_asgi(self.app)))

    def reply(self, refusal: Refusal, headers: Iterable[tuple[bytes, bytes]]) -> Reply:
        """Count a refusal of which the application does not know, and return the answer."""
        given, meters = request_id(dict(headers)), self.server_state.meters
        meters.request("none", refusal.status, 0.0)
        meters.add("errors", "kind", refusal.kind)
        reply = refused(refusal, given)
        return reply._replace(headers=((b"x-request-id", given.encode()), *reply.headers))

    def _answer(self, cycle: RequestResponseCycle, reply: Reply) -> None:
        """Write an answer, head and body at once: uvicorn has a system call for each."""
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        if self.server_state.draining and self.unanswered == 1:  # not while others that have come wait behind it
            cycle.keep_alive = False
        more = (*cycle.default_headers, *(() if cycle.keep_alive else (CLOSE,)))
        self.transport.write(wire(reply, more, cycle.scope["method"] != "HEAD"))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    async def _wait(self, cycle: RequestResponseCycle, found: Awaitable[Reply]) -> None:
        self._answer(cycle, await found)

    def _keep(self, task: Task[None]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _shed(self, cycle: RequestResponseCycle) -> None:
        """Refuse a request that would have to wait too long."""
        bound = self.server_state.settings.max_wait_ms
        refusal = Refusal(503, "overloaded", f"it would take more than {bound:g} ms; try again", headers=RETRY)
        self.server_state.meters.add("shed")
        # Not at once: behind it there may be a thousand that have to be refused as well.
        self.loop.call_soon(self._answer, cycle, self.reply(refusal, cycle.scope["headers"]))


class Refusing(Answering):
    """A connection of `answering` that may be refused.

    Attributes
    ----------
    reading, heading, refused : bool
        In the midst of a request; in the midst of its head; only open so that the client can read why it was refused.
    """

    reading: bool
    heading: bool
    refused: bool

    def refuse(self, refusal: Refusal) -> None:
        """Tell a client why it can't be served, and close the connection once it has had time to read that."""
        self.refused, self.since = True, self.server_state.now
        reading = self.reading and not self.heading  # then the newest unanswered request is the one at fault
        if reading and self.cycle.response_started:
            self.transport.close()  # it knows already
            return
        if reading:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False  # or it would ask for what is refused already
            self.cycle.message_event.set()
        if self.unanswered > reading:
            self.cycle.keep_alive = False  # what came before is answered first, and closes the connection
            return
        reply = self.reply(refusal, self.headers if self.reading else ())
        self.transport.write(wire(reply, (*self.server_state.default_headers, CLOSE)))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def refuse_head(self) -> None:
        """Do so for the length of what stands before or behind a body."""
        limit = self.server_state.settings.max_header
        self.refuse(Refusal(431, "header_too_large", f"path and headers are longer than {limit} bytes"))


def without_upgrade(parser: Any, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a head as it would have come without `Upgrade`: httptools reads no body behind one that has it.

    Parameters
    ----------
    parser : httptools.HttpRequestParser
        Has read the head.
    url : bytes
        As it came.
    headers : iterable of pairs of bytes
        Names in lower case.
    """
    lines = [b"%b %b HTTP/%b" % (parser.get_method(), url, parser.get_http_version().encode())]
    for name, value in headers:
        if name == b"connection":
            kept = [token.strip() for token in value.split(b",") if token.strip().lower() not in NAMES]
            lines += [b"connection: " + b", ".join(kept)] if kept else []
        elif name not in NAMES:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join((*lines, b"", b""))


class Connection(Refusing):
    """See the module; `patience` closes it when it takes too long."""

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self.since, self.unanswered, self.partial = self.server_state.now, 0, None
        self.reading = self.refused = self.held = self.heading = self._between = False
        self._chunk = self._head = self._before = self._trailers = 0
        limit = self.server_state.settings.max_connections
        if len(self.connections) > 2 * limit:  # so many that there is no time for words
            transport.abort()
        elif len(self.connections) > limit:
            self.refuse(Refusal(503, "connections", f"{limit} connections are open already", headers=RETRY))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the requests: each holds its connection, and would keep both until the next look for garbage."""
        super().connection_lost(exc)
        self.cycle = self.partial = None  # type: ignore[assignment]
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self.refused:
            return
        self._chunk, between = len(data), self._between
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._again(data[stopped.args[0] :])
            return
        except httptools.HttpParserError:
            if not self.refused:
                self.refuse(Refusal(400, "bad_http", "this is no HTTP request"))
        self._head += len(data)
        self._trailers += len(data) if between and self._between else 0
        too_long = self.heading and self._too_long(self._head - self._before)
        if not self.refused and (too_long or self._trailers > self.server_state.settings.max_header):
            self.refuse_head()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as asyncio has it
        """Answer what a client has asked before it said that it will ask no more."""
        if self.scheme == "https" or self.unanswered <= self.reading:
            return None  # TLS has no half of a connection, and what has not come whole can't be answered
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.since, self._head, self._before, self._trailers = self.server_state.now, 0, self._chunk, 0
        self.reading = self.heading = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. What stands behind a body is none: whoever looks at headers before us has not seen it."""
        if self.heading:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand it over."""
        if self.parser.should_upgrade():
            return  # it comes again
        if self._too_long():
            self.refuse_head()
            raise ValueError  # ends the parser
        super().on_headers_complete()
        self.heading = False
        self.unanswered += 1

    def on_chunk_header(self) -> None:
        """Note that a part of the body follows, or what comes behind the last one."""
        self._between = True

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._between = False
        super().on_body(body)
        if self.partial is not None and len(self.partial.body) > WHOLE:
            self.start(self.partial)

    def on_message_complete(self) -> None:
        """Note that all of it has come."""
        if self.parser.should_upgrade():
            return
        self.reading = self._between = False
        self.since = self.server_state.now
        self.scope["began"] = time.perf_counter()  # type: ignore[typeddict-unknown-key]
        super().on_message_complete()
        if self.partial is not None:
            self.queue(self.partial)

    def _again(self, rest: bytes) -> None:
        """Read a request that asks for another protocol, and what follows it, as one that does not."""
        if self.parser.get_method() == b"CONNECT":
            self.refuse(Refusal(400, "bad_http", "this is no proxy"))
            return
        head = without_upgrade(self.parser, self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.data_received(head + rest)

    def _too_long(self, least: int = 0) -> bool:
        """Tell whether path and headers are too long: what is parsed of them, or the `least` that is surely theirs.

        A chunk in which a head begins may hold the end of another body, so it says nothing by itself.
        """
        limit = self.server_state.settings.max_header
        if self._head + self._chunk <= limit:  # most need not be counted
            return False
        return max(least, len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)) > limit
