"""The server of one process: it listens, looks after its connections, and ends without losing a request."""

import asyncio
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import partial
from operator import attrgetter
from typing import Any

from service.server.connection import Connection
from service.server.listening_socket import refuse_new, told
from service.settings import Settings
from service.telemetry.service_metrics import Meters

TICK = 0.1  # seconds between two looks at the connections
SILENT = 1.0  # seconds that a connection may be without a request at the end: one may be on its way on a new one
SETTLE = 0.1  # seconds in which what waits in the queue is accepted, and what has begun gets through its handshake
LOOKS = 5  # at the queue in that time, at least: a process that gets little of the processor may sleep through it
QUEUE = 2048  # connections that wait to be accepted
FILES = 32  # that a process needs beside its connections
log = logging.getLogger(__name__)


class Server:
    """Serves an ASGI application on one socket until a signal, and then until all is answered.

    Parameters
    ----------
    app : callable
        The application.
    settings : Settings
        Limits and times.
    meters : Meters
        Count connections, and refusals of which the application does not know.
    vital : frozenset of str
        Paths that are answered however many connections are open: to be busy is not to be ill.
    """

    def __init__(self, app: Any, settings: Settings, meters: Meters, vital: frozenset[str]) -> None:
        self.app, self.settings, self.meters, self.vital = app, settings, meters, vital
        self.connections: set[Connection] = set()
        self.tasks: set[Any] = set()  # requests at work
        self.draining = self._hurried = False
        self._limit = min(settings.max_connections, max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES))
        if self._limit < settings.max_connections:
            log.warning("the process may open few files: %d connections at a time (ulimit -n)", self._limit)
        self._tick()

    async def serve(self, listening: socket.socket, tls: Mapping[str, Any], ready: Callable[[], None]) -> None:
        """Answer until SIGTERM or SIGINT; `tls` is as loops take it, `ready` is called once connections can come in."""
        self.loop, self._listening = asyncio.get_running_loop(), listening
        with told(*listening.getsockname()[:2]):
            listening.listen(QUEUE)  # uvloop closes a socket that can't listen, and says nothing
        self._accepting = await self.loop.create_server(partial(Connection, self), sock=listening, backlog=QUEUE, **tls)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self.end, number)
        ready()
        await self._wait(float("inf"), lambda: self.draining)

    async def drain(self, last: Callable[[], bool]) -> None:
        """Answer what has been asked, then end; `last` says whether no other process goes on with the same socket."""
        end = time.monotonic() + self.settings.drain_seconds
        await self._wait(min(self.settings.linger_seconds, self.settings.drain_seconds / 2), lambda: False)
        if last():
            refuse_new(self._listening)
            for _ in range(LOOKS):
                await self._wait(SETTLE / LOOKS, lambda: False)
        self._accepting.close()
        await self._wait(end - time.monotonic(), self._finished)
        for connection in list(self.connections):
            connection.transport.abort()
        for task in list(self.tasks):
            task.cancel()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Begin to end, or, when SIGINT comes again, stop waiting for anybody."""
        self._hurried |= self.draining and number == signal.SIGINT
        self.draining = True

    def admit(self, connection: Connection) -> bool:
        """Take a connection; False when there are too many, and none that could be closed for it."""
        limit, others = self._limit, self.connections
        room = len(others) < limit or any(each.close_idle() for each in sorted(others, key=attrgetter("since")))
        if len(others) > 2 * limit and not room:  # so many that there is no time for words
            connection.transport.abort()
        others.add(connection)
        return room

    async def _wait(self, seconds: float, done: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while self.now < end and not done() and not self._hurried:
            await asyncio.sleep(0.02 if self.draining else TICK)
            self._tick()

    def _tick(self) -> None:
        """Look after connections; reading the clock for each of them and each chunk would cost more."""
        self.now, self.date = time.monotonic(), f"date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in list(self.connections):
            connection.sweep()
        self.meters.set("connections", len(self.connections))
        self.meters.set("in_flight", len(self.tasks))

    def _finished(self) -> bool:
        """Close what is idle; tell whether nothing is left."""
        for connection in list(self.connections):
            if self.now - connection.since > SILENT:
                connection.close_idle()
        return not self.connections
