"""The server of one process: it listens, looks after its connections, and ends without losing a request."""

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError
from service.refusal import Refusal
from service.server.connection import Connection
from service.server.listening_socket import listen, refuse_new, waiting
from service.settings import Settings
from service.telemetry.service_metrics import Meters

TICK = 0.1  # seconds between two looks at the connections
SETTLE = 0.1  # seconds in which a connection that has begun gets through its handshake
FILES = 32  # that a process needs beside its connections
log = logging.getLogger(__name__)
HANDSHAKE = 10.0  # seconds for that of TLS, at most


class Hooks(NamedTuple):
    """What the server tells and asks.

    `ready` is called once connections are answered, `draining` when the end begins, `hangup` on SIGHUP, `starved` when
    the process may open no more files. `last` says whether no other process goes on with the same socket.
    """

    ready: Callable[[], None]
    draining: Callable[[], None]
    hangup: Callable[[], None]
    starved: Callable[[], None]
    last: Callable[[], bool]


class Server:
    """Serves an ASGI application on one socket until a signal.

    Parameters
    ----------
    app : callable
        The application.
    settings : Settings
        Limits and times.
    meters : Meters
        Count connections, and refusals of which the application does not know.
    hooks : Hooks
        What to call.
    vital : frozenset of str
        Paths that are answered however many connections are open: to be busy is not to be ill.
    """

    def __init__(self, app: Any, settings: Settings, meters: Meters, hooks: Hooks, vital: frozenset[str]) -> None:
        self.app, self.settings, self.meters, self.vital, self._hooks = app, settings, meters, vital, hooks
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None] | None] = set()
        self._writing: list[Connection] = []
        self.draining = self._hurried = self._starving = False
        self._limit = min(settings.max_connections, max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES))
        if self._limit < settings.max_connections:
            log.warning("the process may open few files: %d connections at a time (ulimit -n)", self._limit)
        self._tls = tls_options(settings)
        self.scheme = "https" if self._tls else "http"
        self._tick()

    async def serve(self, listening: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT, and answer what has been asked by then; a second SIGINT ends at once."""
        self.loop, self._listening = asyncio.get_running_loop(), listening
        listen(listening)
        # The loop closes the socket that it is given. What waits in the queue then is kept by the other descriptor.
        accepting = await self.loop.create_server(lambda: Connection(self), sock=listening.dup(), **self._tls)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self.end, number)
        self.loop.add_signal_handler(signal.SIGHUP, self._hooks.hangup)
        self._hooks.ready()
        await self._wait(float("inf"), lambda: self.draining)
        self._hooks.draining()
        end = time.monotonic() + self.settings.drain_seconds
        await self._wait(min(self.settings.linger_seconds, self.settings.drain_seconds / 2), lambda: False)
        await self._stop_accepting(accepting)
        await self._wait(end - time.monotonic(), self._finished)
        for connection in list(self.connections):
            connection.transport.abort()
        for task in filter(None, list(self.tasks)):
            task.cancel()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Begin to end."""
        self._hurried |= self.draining and number == signal.SIGINT
        self.draining = True

    def admit(self, connection: Connection) -> bool:
        """Take a connection; False when there are too many, and none that could be closed for it."""
        limit, others = self._limit, self.connections
        room = len(others) < limit
        if not room:
            idle = sorted((each for each in others if each.idle()), key=lambda each: each.since)
            room = any(each.close_idle() for each in idle)
        if len(others) > 2 * limit and not room:  # so many that there is no time for words
            connection.transport.abort()
        others.add(connection)
        return room

    def write_soon(self, connection: Connection) -> None:
        """Have a connection flushed, together with others, in the loop's next turn."""
        if not self._writing:
            self.loop.call_soon(self._flush)
        self._writing.append(connection)

    def _flush(self) -> None:
        writing, self._writing = self._writing, []
        for connection in writing:
            connection.flush()

    def count(self, refusal: Refusal) -> None:
        """Count a refusal of which the application does not know."""
        self.meters.request("none", refusal.status, 0.0)
        self.meters.add("errors", "kind", refusal.kind)

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
        self._probe()

    def _probe(self) -> None:
        """Tell when no more files may be opened: new connections are closed without a word then."""
        try:
            os.close(os.dup(0))
            self._starving = False
        except OSError as error:
            if error.errno == errno.EMFILE and not self._starving:
                self._starving = True
                self._hooks.starved()

    async def _stop_accepting(self, accepting: asyncio.Server) -> None:
        """Accept what stands in the queue, and nothing more."""
        last = self._hooks.last()
        if last:
            refuse_new(self._listening)
            await asyncio.sleep(SETTLE)
        accepting.close()
        if last:
            for accepted in waiting(self._listening):
                await self.loop.connect_accepted_socket(lambda: Connection(self), accepted, **self._tls)
        self._listening.close()

    def _finished(self) -> bool:
        """Close what is idle; tell whether nothing is left."""
        for connection in list(self.connections):
            connection.close_idle()
        return not self.connections


def tls_options(settings: Settings) -> dict[str, Any]:
    """Return what a loop takes for TLS: until its handshake is over nobody else looks after a connection.

    Raises
    ------
    PipelineError
        The certificate or its key can't be read.
    """
    if not settings.tls_cert:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (ssl.SSLError, OSError) as error:
        raise PipelineError(f"SERVE_TLS_CERT={settings.tls_cert}, SERVE_TLS_KEY={settings.tls_key}: {error}") from error
    return {"ssl": context, "ssl_handshake_timeout": min(HANDSHAKE, settings.request_timeout)}
