"""One request and its answer: what an ASGI application is called with."""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools

from service.http_messages import response_head

CLOSE = b"connection: close\r\n"
WHOLE = 1 << 16  # bytes of a body that are waited for before the application is called
ASGI = {"version": "3.0"}


class Call:
    """A request whose head has come on a connection. Its answer says its length, and comes in one part."""

    def __init__(self, connection: Any) -> None:
        self._connection, parser = connection, connection.parser
        self.headers: dict[bytes, bytes] = dict(connection.headers)
        self.body = b""  # what has come of it and is not handed over
        self.more = True  # more of it will come
        self.over = False  # it is answered, or there is nobody to answer
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        url = httptools.parse_url(connection.url)
        path, version = (url.path or b"/").decode("ascii"), parser.get_http_version()
        self.scope = {  # as ASGI has it; `began` will be `time.perf_counter()` at the last byte
            "type": "http", "asgi": ASGI, "http_version": version, "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path, "query_string": url.query or b"",
            "headers": connection.headers,
        }  # fmt: skip
        # Whether the connection stays open behind the answer, and whether the client waits until it may send the body.
        self.keep_alive: bool = version == "1.1" and parser.should_keep_alive()
        self.expects = version == "1.1" and self.headers.get(b"expect", b"").lower() == b"100-continue"

    def go_on(self) -> None:
        """Call the application once there is enough of the request, or wake it when it waits for more."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        elif self._task is None and (self.expects or not self.more or len(self.body) > WHOLE):
            server = self._connection.server
            self._task = server.loop.create_task(self._run())
            server.tasks.add(self._task)

    def lose(self) -> None:
        """Note that there is nobody to answer."""
        self.over = True
        if self._task is not None:
            self.go_on()

    async def receive(self) -> dict[str, Any]:
        """Return the next part of the body, or that the client has gone."""
        connection = self._connection
        if self.expects and not self.over:
            self.expects = False
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while self.more and not self.body and not self.over:
            connection.transport.resume_reading()
            self._waiter = connection.server.loop.create_future()
            await self._waiter
        if self.over:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": body, "more_body": self.more}

    async def send(self, message: dict[str, Any]) -> None:
        """Have it answered in the loop's next turn: who is refused asks again before others are scored otherwise."""
        if message["type"] == "http.response.start":
            self._start = message
        elif not self.over:
            self.over = True
            self._connection.server.loop.call_soon(self._answer, message["body"])

    def _answer(self, body: bytes) -> None:
        """Write head and body together; the last answer of a server that ends says so."""
        connection = self._connection
        if connection.transport.is_closing():
            return
        last = connection.server.draining and len(connection.calls) == 1
        self.keep_alive &= not last and not self.expects
        more = connection.server.date if self.keep_alive else connection.server.date + CLOSE
        head = response_head(self._start["status"], self._start["headers"], more)
        connection.transport.write(head if self.scope["method"] == "HEAD" else head + body)
        connection.calls.popleft()
        if self.keep_alive:
            connection.go_on()
        else:
            connection.transport.close()

    async def _run(self) -> None:
        try:
            await self._connection.server.app(self.scope, self.receive, self.send)
        finally:
            self._connection.server.tasks.discard(self._task)
            if not self.over:
                self._connection.transport.close()  # there is no answer
