"""One process of the service: the application on our own server, from its start until a signal."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvloop

from lifecycle.core.errors import PipelineError
from service.app import Application
from service.process_identity import Place
from service.server.server import Server
from service.settings import Settings

HANDSHAKE = 10.0  # seconds for that of TLS, at most


class Process:
    """A service process.

    Parameters
    ----------
    settings : Settings
        The knobs.
    listening : socket.socket
        Bound to the address.
    place : Place
        Which process it is.
    """

    def __init__(self, settings: Settings, listening: socket.socket, place: Place) -> None:
        self._settings, self._listening, self._place = settings, listening, place
        self._app = Application(settings, place)

    def run(self) -> None:
        """Serve until SIGTERM.

        Raises
        ------
        PipelineError
            Something that the settings name can't be used.
        """
        signal.signal(signal.SIGTERM, _leave)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._run())
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already

    async def _run(self) -> None:
        app = self._app
        opening = asyncio.current_task()
        assert opening is not None
        self._when_orphaned(opening.cancel)  # the store may be waited for, but no longer than the parent lives
        try:
            async with app.opened():
                server = Server(app.handler, self._settings, app.meters, app.vital)
                self._when_orphaned(server.end)
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.watch.hurry)
                await server.serve(self._listening, _tls(self._settings), self._ready)
                app.draining = True
                await server.drain(self._place.ending)
        except asyncio.CancelledError:
            return

    def _when_orphaned(self, call: Callable[[], Any]) -> None:
        """Call something once the parent ends; instead of what was to be called before."""
        parent = self._place.parent
        if parent is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(parent, lambda: (loop.remove_reader(parent), call()))

    def _ready(self) -> None:
        host, port = self._listening.getsockname()[:2]
        self._app.reporter.listening(f"http{'s' if self._settings.tls_cert else ''}://{host}:{port}", port)


def _leave(number: int, frame: FrameType | None) -> None:
    """End in order while nothing is served yet."""
    sys.exit(0)


def _tls(settings: Settings) -> dict[str, Any]:
    """Return what a loop takes for TLS: until its handshake is over nobody else looks after a connection."""
    if not settings.tls_cert:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (ssl.SSLError, OSError) as error:
        raise PipelineError(f"SERVE_TLS_CERT={settings.tls_cert}, SERVE_TLS_KEY={settings.tls_key}: {error}") from error
    return {"ssl": context, "ssl_handshake_timeout": min(HANDSHAKE, settings.request_timeout)}
