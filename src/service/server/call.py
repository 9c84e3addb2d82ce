"""One request and its answer: what an ASGI application is called with."""

import asyncio
import logging
from typing import Any
from urllib.parse import unquote

from service.http_messages import Headers, response_head

CLOSE = b"connection: close\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
log = logging.getLogger(__name__)


class Call:
    """A request whose head has come.

    Parameters
    ----------
    connection : Connection
        It came on.
    scope : dict
        The request's, as ASGI has it; `began` in it is `time.perf_counter()` at its last byte.
    keep_alive : bool
        The connection stays open behind the answer.
    expects : bool
        The client waits to be told that it may send its body.

    Attributes
    ----------
    body : bytes
        What has come of it and is not handed over.
    more : bool
        More of it will come.
    over : bool
        It is answered, or there is nobody to answer.
    task : asyncio.Task, optional
        The application at work.
    """

    __slots__ = (
        "_connection", "_handed", "_start", "_waiter", "body", "expects", "keep_alive", "more", "over", "scope", "task",
    )  # fmt: skip

    def __init__(self, connection: Any, scope: dict[str, Any], keep_alive: bool, expects: bool) -> None:
        self._connection, self.scope, self.keep_alive, self.expects = connection, scope, keep_alive, expects
        self.body, self.more, self.over, self._handed = b"", True, False, False
        self.task: asyncio.Task[None] | None = None
        self._start: dict[str, Any] | None = None
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    def of(cls, connection: Any, parser: Any, target: bytes, headers: Headers, named: dict[bytes, bytes]) -> "Call":
        """Return the call of a head that was parsed; `named` has its headers by name."""
        raw, _, query = target.partition(b"?")
        path, version = raw.decode("ascii"), parser.get_http_version()
        scope = {
            **connection.common, "http_version": version, "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path, "raw_path": raw, "query_string": query, "headers": headers,
        }  # fmt: skip
        modern = version == "1.1"
        expects = (
            modern
            and named.get(b"expect", b"").lower() == b"100-continue"
            and (named.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in named)
        )
        return cls(connection, scope, modern and parser.should_keep_alive(), expects)

    def start(self) -> None:
        """Call the application, or wake it when it waits."""
        if self.task is None:
            server = self._connection.server
            self.task = server.loop.create_task(self._run())
            server.tasks.add(self.task)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def lose(self) -> None:
        """Note that there is nobody to answer."""
        self.over = True
        if self.task is not None:
            self.start()

    async def receive(self) -> dict[str, Any]:
        """Return the next part of the body; behind the last one, wait until the client has gone or is answered."""
        connection = self._connection
        if self.expects and not self.over:
            self.expects = False
            connection.write(CONTINUE)
        while not self.over and (self._handed or (self.more and not self.body)):
            connection.resume()
            self._waiter = connection.server.loop.create_future()
            await self._waiter
        if self.over:
            return {"type": "http.disconnect"}
        body, self.body, self._handed = self.body, b"", not self.more
        return {"type": "http.request", "body": body, "more_body": self.more}

    async def send(self, message: dict[str, Any]) -> None:
        """Write a part of the answer, its head together with the first part of its body."""
        if self.over:
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        body = b"" if self.scope["method"] == "HEAD" else message.get("body", b"")
        if self._start is not None:
            body, self._start = self._head(self._start) + body, None
        self._connection.write(body)
        if not message.get("more_body", False):
            self.lose()
            self._connection.answered(self)

    def _head(self, start: dict[str, Any]) -> bytes:
        """Return the head of the answer; the connection ends behind one whose length or whose body is not known."""
        if self.expects or self._connection.ending() or not _has_length(start["headers"]):
            self.keep_alive = False
        more = self._connection.server.date if self.keep_alive else self._connection.server.date + CLOSE
        return response_head(start["status"], start["headers"], more)

    async def _run(self) -> None:
        connection = self._connection
        try:
            await connection.server.app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("the application failed")
        finally:
            connection.server.tasks.discard(self.task)
        if not self.over:
            connection.close()  # there is no answer


def _has_length(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110 any() takes three times as long, for each answer
        if name == b"content-length":
            return True
    return False
