"""One connection: uvicorn's, which trusts its clients, with limits for what they send."""

import time
from typing import Any

import httptools

from lifecycle.serving.errors import Refusal
from lifecycle.serving.http.refusing import Refusing
from lifecycle.serving.http.replies import RETRY
from lifecycle.serving.http.upgrade import without_upgrade

WHOLE = 1 << 16  # bytes of a body that is waited for before the application is asked


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
