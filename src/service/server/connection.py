"""One client's connection: its requests are parsed by httptools and answered in their order by the application."""

import asyncio
import select
import time
from collections import deque
from typing import Any

import httptools

from service.http_messages import RETRY, refused, response_head
from service.refusal import Refusal
from service.server.call import Call
from service.tracing import request_id

WHOLE = 1 << 16  # bytes of a body that are waited for before the application is called
LINGER = 2.0  # seconds for a refused client to read why; closing at once would take back what it has not read
CODING = b"transfer-encoding"
UPGRADES = {b"upgrade", b"http2-settings"}


class Connection(asyncio.Protocol):
    """The protocol of one connection, as asyncio calls it and as httptools calls it.

    Parameters
    ----------
    server : Server
        What all connections share: the application, limits, the clock.

    Attributes
    ----------
    since : float
        When what the connection is doing now began, by `server.now`.
    calls : deque of Call
        Requests whose heads have come and that are not answered; the first one is being answered.
    reading : Call, optional
        The one whose body has not come whole.
    refused : bool
        Only open so that the client can read why it was refused.
    """

    transport: Any

    def __init__(self, server: Any) -> None:
        self.server, self.since = server, server.now
        self.calls: deque[Call] = deque()
        self.reading: Call | None = None
        self.refused = self._heading = self._between = self._surplus = self._full = self._held = self._paused = False
        self._chunk = self._head = self._trailers = 0
        self._url, self._out, self._headers = b"", b"", list[tuple[bytes, bytes]]()
        self._parser: Any = _parser(self)

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        """Take a connection, in the place of the longest idle one when there are too many."""
        self.transport = transport
        self.common = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "scheme": self.server.scheme,
            "root_path": "", "client": transport.get_extra_info("peername"),
            "server": transport.get_extra_info("sockname"),
        }  # fmt: skip
        self._surplus = not self.server.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything: what still holds the connection would keep it until the next collection of garbage."""
        self.server.connections.discard(self)
        for call in self.calls:
            call.lose()
        self.calls.clear()
        self.reading = self._parser = None

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        self._chunk, between = len(data), self._between
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._without_upgrade(data[stopped.args[0] :])
            return
        except httptools.HttpParserError:
            if not self.refused:
                self.refuse(Refusal(400, "bad_http", "this is no HTTP request"))
        self._head += len(data)
        self._trailers += len(data) if between and self._between else 0
        if not self.refused and (
            (self._heading and self._too_long()) or self._trailers > self.server.settings.max_header
        ):
            self._refuse_head()

    def eof_received(self) -> bool:
        """Answer what a client has asked before it said that it will ask no more."""
        whole = [call for call in self.calls if call is not self.reading]
        if not whole or self.server.scheme == "https":  # TLS has no half of a connection
            return False
        whole[-1].keep_alive = False
        return True

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        """Go on with the next request: the client has taken what there was."""
        self._full = False
        if self._held:
            self._held = False
            self._next()

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Begin a request. The chunk in which it begins is not counted: it may hold the end of another body."""
        self.since, self._head, self._trailers, self._heading = self.server.now, -self._chunk, 0, True
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. What stands behind a body is none: whoever looks at headers before us has not seen it."""
        if self._heading:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Make a call of the head, unless it is refused."""
        if self._parser.should_upgrade():
            return  # it comes again without
        named = dict(self._headers)
        if self._too_long():
            self._refuse_head()
        elif refusal := self._wrong_head(named):
            self.refuse(refusal)
        else:
            call = Call.of(self, self._parser, self._target(), self._headers, named)
            if self._surplus and call.scope["path"] not in self.server.vital:
                self.refuse(Refusal(503, "connections", "too many connections are open already", headers=RETRY))
        if self.refused:
            raise ValueError  # ends the parser
        call.keep_alive &= not self._surplus
        self._heading, self.reading = False, call
        self.calls.append(call)
        if len(self.calls) > 1:
            self._pause()
        elif call.expects:
            call.start()

    def on_chunk_header(self) -> None:
        """Note that a part of the body follows, or what comes behind the last one."""
        self._between = True

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, unless its request is answered already."""
        self._between, call = False, self.reading
        if call is None or call.over:
            return
        call.body += body
        if len(call.body) > WHOLE:
            self._pause()
        if call is self.calls[0] and (call.task is not None or len(call.body) > WHOLE):
            call.start()

    def on_message_complete(self) -> None:
        """Have a request answered that has come whole."""
        if self._parser.should_upgrade():
            return
        call, self.reading, self._between, self.since = self.reading, None, False, self.server.now
        if call is None:
            return
        call.more, call.scope["began"] = False, time.perf_counter()
        # A trailer may have asked for the end: the parser reads nothing that comes after it.
        call.keep_alive &= self._parser.should_keep_alive()
        if not call.over and call is self.calls[0]:
            call.start()
        elif call.over and not call.keep_alive:
            self.close()

    # What calls, the server and the rest of the connection use.

    def write(self, data: bytes) -> None:
        """Write soon, with what others are answered in this turn of the loop: clients are woken up less often."""
        if not self._out:
            self.server.write_soon(self)
        self._out += data

    def flush(self) -> None:
        """Write now."""
        data, self._out = self._out, b""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """Close it behind what there is to write."""
        self.flush()
        self.transport.close()

    def answered(self, call: Call) -> None:
        """Go on with the next request, once this one is answered and as the client takes its answers."""
        self.calls.popleft()
        if not call.keep_alive:
            self.close()
        elif self._full:
            self._held = True
            self._pause()
        else:
            self._next()

    def ending(self) -> bool:
        """Tell whether the answer that is about to be written is the connection's last because the server ends."""
        return self.server.draining and len(self.calls) == 1

    def resume(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def idle(self) -> bool:
        """Tell whether nothing is being asked."""
        busy = self.calls or self.reading or self._heading or self.refused or self._out
        return not busy and not self.transport.is_closing()

    def close_idle(self) -> bool:
        """Close it if it is idle and no request has come that nobody has read yet; tell whether it was."""
        if not self.idle():
            return False
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        if poll.poll(0):
            return False
        self.transport.close()
        return True

    def sweep(self) -> None:
        """Close it if it has taken too long; called ten times a second."""
        settings, waited = self.server.settings, self.server.now - self.since
        if self.refused or self.transport.is_closing():
            if waited > (LINGER if self.refused else settings.request_timeout):
                self.transport.abort()
        elif self._full:
            if waited > settings.request_timeout:
                self.transport.abort()
        elif self._heading or (self.reading and not self._paused):
            if waited > settings.request_timeout:
                message = f"the request has not come within {settings.request_timeout:g} s"
                self.refuse(Refusal(408, "slow_request", message))
        elif self.idle() and waited > settings.keep_alive:
            self.transport.close()

    def refuse(self, refusal: Refusal) -> None:
        """Tell a client why it can't be served, and close the connection once it has had time to read that."""
        self.refused, self.since, call = True, self.server.now, self.reading
        if call is not None and call.over:
            self.close()  # it knows already
            return
        if call is not None:
            call.lose()
            self.calls.remove(call)
        if self.calls:
            self.calls[-1].keep_alive = False  # what came before is answered first, and closes the connection
            return
        given = request_id(dict(self._headers if self._heading or call else ()))
        self.server.count(refusal)
        reply = refused(refusal, given)
        more = b"%bconnection: close\r\nx-request-id: %b\r\n" % (self.server.date, given.encode())
        self.write(response_head(reply.status, reply.all_headers(), more) + reply.body)
        self.flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _refuse_head(self) -> None:
        limit = self.server.settings.max_header
        self.refuse(Refusal(431, "header_too_large", f"path and headers are longer than {limit} bytes"))

    def _too_long(self) -> bool:
        """Tell whether path and headers are too long, by what is parsed of them and by what is surely theirs."""
        limit = self.server.settings.max_header
        if self._head + 2 * self._chunk <= limit:  # most need not be counted
            return False
        return (
            max(self._head, len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers)) > limit
        )

    def _wrong_head(self, named: dict[bytes, bytes]) -> Refusal | None:
        """Return why a head is refused whose length is right."""
        twice = len(named) < len(self._headers)
        if b"host" not in named and self._parser.get_http_version() == "1.1":
            return Refusal(400, "bad_http", "the header Host is missing")
        if twice and sum(name == b"host" for name, _ in self._headers) > 1:
            return Refusal(400, "bad_http", "there are several headers Host")
        codings = [value.lower() for name, value in self._headers if name == CODING] if CODING in named else []
        if codings and codings != [b"chunked"]:
            return Refusal(501, "wrong_coding", "Transfer-Encoding: only chunked is read here")
        return None

    def _target(self) -> bytes:
        """Return path and query."""
        if self._url.startswith(b"/"):
            return self._url
        parsed = httptools.parse_url(self._url)  # http://host/path
        return (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")

    def _next(self) -> None:
        self.since = self.server.now
        if len(self.calls) < 2:
            self.resume()
        if self.calls and (not self.calls[0].more or self.calls[0].expects or len(self.calls[0].body) > WHOLE):
            self.calls[0].start()

    def _pause(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def _without_upgrade(self, rest: bytes) -> None:
        """Read a request that asks for another protocol, and what follows it, as one that does not.

        httptools reads no body behind such a head, so it is written anew without the offer.
        """
        parser = self._parser
        if parser.get_method() == b"CONNECT":
            self.refuse(Refusal(400, "bad_http", "this is no proxy"))
            return
        lines = [b"%b %b HTTP/%b" % (parser.get_method(), self._url, parser.get_http_version().encode())]
        for name, value in self._headers:
            tokens = [each.strip() for each in value.split(b",")] if name == b"connection" else [value]
            kept = [each for each in tokens if name != b"connection" or each.lower() not in UPGRADES]
            lines += [b"%b: %b" % (name, b", ".join(kept))] if kept and name not in UPGRADES else []
        self._parser = _parser(self)
        self.data_received(b"\r\n".join((*lines, b"", b"")) + rest)


def _parser(connection: Connection) -> Any:
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what comes after Connection: close is dropped
    return parser
