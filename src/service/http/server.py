"""Uvicorn's server, with an end at which no request is lost."""

import asyncio
import contextlib
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import uvicorn

from service.errors import Refusal
from service.http.connection import Connection
from service.http.listener import refuse_new, waiting
from service.http.server_state import State

QUEUE = 2048  # connections that wait to be accepted
HANDSHAKE = 10.0  # seconds for that of TLS, at most
SETTLE = 0.1  # seconds in which a connection that has begun gets through its handshake
LINGER = 2.0  # seconds for a refused client to read why; closing at once would take back what it has not read


class Hooks(NamedTuple):
    """What the server tells and asks.

    `ready` is called once connections are answered, `hangup` on SIGHUP. `last` says whether no other process goes on
    with the same socket.
    """

    ready: Callable[[], None]
    hangup: Callable[[], None]
    last: Callable[[], bool]


class Server(uvicorn.Server):
    """Serves one socket until a signal.

    Parameters
    ----------
    config : uvicorn.Config
        The application and how to serve it.
    state : State
        What its connections share.
    hooks : Hooks
        What to call.
    """

    def __init__(self, config: uvicorn.Config, state: State, hooks: Hooks) -> None:
        super().__init__(config)
        self.server_state = self._state = state
        self._hooks = hooks

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        assert sockets is not None  # Process gives one
        self._listening = sockets[0]
        # The loop closes the socket that it is given. What waits in the queue then is kept by the other descriptor.
        self._server = await asyncio.get_running_loop().create_server(
            self._connection, sock=self._listening.dup(), backlog=QUEUE, **self._tls()
        )
        self.started = True
        await self.on_tick(0)  # makes the header Date
        self._hooks.ready()

    async def on_tick(self, counter: int) -> bool:
        """Look after connections; called ten times a second."""
        state = self._state
        state.now = time.monotonic()
        state.admission.measure()
        for connection in state.open():
            sweep(connection)
        state.meters.set("connections", len(state.connections))
        state.meters.set("in_flight", len(state))
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin to end; a second Ctrl-C ends at once."""
        self.force_exit |= self.should_exit and sig == signal.SIGINT
        self.should_exit = self._state.draining = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals in the loop. They are not raised again at the end: ending on SIGTERM is a success."""
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sig, self.handle_exit, sig, None)
        loop.add_signal_handler(signal.SIGHUP, self._hooks.hangup)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: go on for a moment, accept no more, finish what has begun, close what is idle."""
        settings, end = self._state.settings, time.monotonic() + self._state.settings.drain_seconds
        await self._wait(min(settings.linger_seconds, settings.drain_seconds / 2), lambda: False)
        await self._stop_listening()
        await self._wait(end - time.monotonic(), self._finished)
        for connection in self._state.open():
            connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()

    async def _stop_listening(self) -> None:
        """Accept what stands in the queue, and nothing more."""
        last = self._hooks.last()
        if last:
            refuse_new(self._listening)
            await asyncio.sleep(SETTLE)
        self._server.close()
        if last:
            for accepted in waiting(self._listening):
                loop = asyncio.get_running_loop()
                await loop.connect_accepted_socket(self._connection, accepted, **self._tls())
        self._listening.close()

    def _finished(self) -> bool:
        """Close what is idle; tell whether nothing is left."""
        for connection in self._state.open():
            release(connection)
        return not self._state.connections

    async def _wait(self, seconds: float, done: Callable[[], bool]) -> None:
        end, counter = time.monotonic() + seconds, 0
        while time.monotonic() < end and not done() and not self.force_exit:
            await self.on_tick(counter)
            await asyncio.sleep(0.02)
            counter += 1

    def _tls(self) -> dict[str, Any]:
        """Return what a loop takes for TLS: until its handshake is over nobody else looks after a connection."""
        if self.config.ssl is None:
            return {}
        return {"ssl": self.config.ssl, "ssl_handshake_timeout": min(HANDSHAKE, self._state.settings.request_timeout)}

    def _connection(self) -> Connection:
        return Connection(config=self.config, server_state=self._state, app_state={})


def sweep(connection: Connection) -> None:
    """Close a connection that has taken too long."""
    settings = connection.server_state.settings
    waited = connection.server_state.now - connection.since
    if connection.refused or connection.transport.is_closing():
        if waited > (LINGER if connection.refused else settings.request_timeout):
            connection.transport.abort()
    elif connection.flow.write_paused:
        if waited > settings.request_timeout:
            connection.transport.abort()  # it does not take its answers
    elif connection.reading:
        if waited > settings.request_timeout:
            message = f"the request has not come within {settings.request_timeout:g} s"
            connection.refuse(Refusal(408, "slow_request", message))
    elif not connection.unanswered and waited > settings.keep_alive:
        connection.transport.close()


def release(connection: Connection) -> None:
    """Close a connection at the end of the service, when nothing is being asked on it."""
    if connection.unanswered:
        connection.cycle.keep_alive = False
    if connection.reading or connection.unanswered or connection.refused:
        return
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    if not poll.poll(0):  # otherwise a request has come that nobody has read yet
        connection.transport.close()
