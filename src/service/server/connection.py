"""One client's connection: its requests are parsed by httptools and answered in their order by the application."""

import asyncio
import select
import time
from collections import deque
from typing import Any

import httptools

from service.http_messages import RETRY, refused, response_head
from service.refusal import Refusal
from service.server.call import CLOSE, WHOLE, Call
from service.tracing import request_id

LINGER = 2.0  # seconds for a refused client to read why; closing at once would take back what it has not read
CODING = b"transfer-encoding"


class Connection(asyncio.Protocol):
    """The protocol of one connection, as asyncio calls it and as httptools calls it.

    Parameters
    ----------
    server : Server
        What all connections share: the application, limits, the clock.
    """

    transport: Any

    def __init__(self, server: Any) -> None:
        self.server = server
        self.since: float = server.now  # when what it is doing now began
        self.calls: deque[Call] = deque()  # whose heads have come, and that are not answered: the first one is at work
        self._reading: Any = None  # the call whose body has not come whole
        self._begun = False  # a request has, and has not come whole
        self._refused = False  # only open so that the client can read why
        self._full = False  # the client does not take its answers
        self._surplus = False  # one too many
        self._chunk = self._unread = 0
        self._parse_anew()

    def _parse_anew(self) -> None:
        self.url, self.headers = b"", list[tuple[bytes, bytes]]()
        self.parser: Any = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what comes after Connection: close

    def connection_made(self, transport: Any) -> None:
        """Take a connection, in the place of the longest idle one when there are too many."""
        self.transport = transport
        self._surplus = not self.server.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything: what still holds the connection would keep it until the next collection of garbage."""
        self.server.connections.discard(self)
        for call in self.calls:
            call.lose()
        self.calls.clear()
        self._reading = self.parser = None

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._chunk = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._pass_over_upgrade(data[stopped.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(Refusal(400, "bad_http", "this is no HTTP request"))
        self._unread += len(data)
        if self._begun:
            self._refuse(self._too_long())

    def eof_received(self) -> bool:
        """Answer what a client has asked before it said that it will ask no more."""
        whole = [call for call in self.calls if call is not self._reading]
        if not whole or not self.transport.can_write_eof():  # TLS has no half of a connection
            return False
        whole[-1].keep_alive = False
        return True

    def pause_writing(self) -> None:
        self._full = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        self.go_on()

    def on_message_begin(self) -> None:
        self.since, self._unread, self._begun = self.server.now, -self._chunk, True

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. What stands behind a body is none: whoever looks at headers before us has not seen it."""
        if self._reading is None:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Make a call of the head, unless it is refused."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return  # it comes again without
        call = Call(self)
        self._refuse(self._too_long() or self._wrong_head(call))
        if self._refused:
            raise ValueError  # ends the parser
        call.keep_alive &= not self._surplus
        self._reading = call
        self.calls.append(call)
        if len(self.calls) > 1:
            self.transport.pause_reading()
        self.calls[0].go_on()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, unless its request is answered already."""
        self._unread, call = -self._chunk, self._reading
        if not call.over:
            call.body += body
            if len(call.body) > WHOLE:
                self.transport.pause_reading()
            self.calls[0].go_on()

    def on_message_complete(self) -> None:
        """Have a request answered that has come whole."""
        call, self._reading = self._reading, None
        if call is None:
            return
        self.since, self._begun, self.url, self.headers = self.server.now, False, b"", []
        call.more, call.expects, call.scope["began"] = False, False, time.perf_counter()
        # A trailer may have asked for the end: the parser reads nothing that comes after it.
        call.keep_alive &= self.parser.should_keep_alive()
        if not call.over:
            self.calls[0].go_on()
        elif not call.keep_alive and call not in self.calls:
            self.transport.close()

    def go_on(self) -> None:
        """Read on, and have the next request answered, if the client takes its answers."""
        self.since = self.server.now
        if self._full:
            return
        if len(self.calls) < 2:
            self.transport.resume_reading()
        if self.calls:
            self.calls[0].go_on()

    def close_idle(self) -> bool:
        """Close it if it is idle and no request has come that nobody has read yet; tell whether it was."""
        if self.calls or self._begun or self._refused or self.transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        if poll.poll(0):
            return False
        self.transport.close()
        return True

    def sweep(self) -> None:
        """Close it if it has taken too long; called ten times a second."""
        waited, patience = self.server.now - self.since, self.server.settings.request_timeout
        if self._refused or self._full or self.transport.is_closing():
            if waited > (LINGER if self._refused else patience):
                self.transport.abort()
        elif waited > patience and self._begun and self.transport.is_reading():
            self._refuse(Refusal(408, "slow_request", f"the request has not come within {patience:g} s"))
        elif waited > self.server.settings.keep_alive:
            self.close_idle()

    def _refuse(self, refusal: Refusal | None) -> None:
        """Tell a client why it can't be served, and close the connection once it has had time to read that."""
        if refusal is None or self._refused:
            return
        self._refused, self.since, known = True, self.server.now, self._reading and self._reading.over
        if self._reading and not known:
            self.calls.pop().lose()
        if self.calls:
            self.calls[-1].keep_alive = False  # what came before is answered first, and closes the connection
            return
        if known:
            self.transport.close()
            return
        self.server.meters.request("none", refusal.status, 0.0)
        self.server.meters.add("errors", "kind", refusal.kind)
        given = request_id(dict(self.headers))
        reply = refused(refusal, given)
        more = b"%b%bx-request-id: %b\r\n" % (self.server.date, CLOSE, given.encode())
        self.transport.write(response_head(reply.status, reply.all_headers(), more) + reply.body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _too_long(self) -> Refusal | None:
        """Refuse a head by what is parsed of it, and what goes on and on by what has come without being parsed."""
        parsed = sum([len(name) + len(value) + 4 for name, value in self.headers], len(self.url))
        limit = self.server.settings.max_header
        if parsed <= limit and self._unread <= limit:
            return None
        return Refusal(431, "header_too_large", f"path and headers are longer than {limit} bytes")

    def _wrong_head(self, call: Call) -> Refusal | None:
        """Refuse what a proxy before us might read in another way, and what there are too many connections for."""
        if call.scope["method"] == "CONNECT":
            return Refusal(400, "bad_http", "this is no proxy")
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts < 1 and call.scope["http_version"] == "1.1"):
            return Refusal(400, "bad_http", f"expected one header Host, found {hosts}")
        if CODING in call.headers and [value.lower() for name, value in self.headers if name == CODING] != [b"chunked"]:
            return Refusal(501, "wrong_coding", "Transfer-Encoding: only chunked is read here")
        if self._surplus and call.scope["path"] not in self.server.vital:
            return Refusal(503, "connections", "too many connections are open already", headers=RETRY)
        return None

    def _pass_over_upgrade(self, rest: bytes) -> None:
        """Read a request again that offers another protocol: httptools reads no body behind the offer."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        head = b"\r\n".join((b"%b %b HTTP/%b" % (method, self.url, version), *kept, b"", b""))
        self._parse_anew()
        self.data_received(head + rest)
