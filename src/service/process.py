"""One process of the service: everything is opened, served until a signal, and closed in the opposite order."""

import asyncio
import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
import uvloop

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from service.errors import Refusal
from service.http.app import App
from service.http.connection import Connection
from service.http.headers import Keys
from service.http.routing import Routes
from service.http.server import Hooks, Server
from service.http.server_state import State
from service.live_bundle import Current, Watch, load, signature
from service.place import Place
from service.routes import routes
from service.scoring import Scoring
from service.settings import Settings
from service.status import About
from service.store.store_choice import Home, open_home
from service.telemetry.cells import Cells
from service.telemetry.log import Bridge, Log, Output, Reporter
from service.telemetry.service_metrics import Meters

REST = 2.0  # seconds between two looks
MANY = 20_000  # objects: the collector looks at as many in a millisecond or two


class Process:
    """The parts of a service process.

    Parameters
    ----------
    settings : Settings
        The knobs.
    listening : socket.socket
        Bound to the address.
    place : Place
        Which process it is.

    Raises
    ------
    PipelineError
        The bundle does not match its manifest, or something else that the settings name can't be used.
    """

    def __init__(self, settings: Settings, listening: socket.socket, place: Place) -> None:
        self._settings, self._listening, self._place = settings, listening, place
        self._seen = signature(settings.bundle)  # before it is read: what comes while the service starts is news
        servable = load(settings.bundle, settings.model_name)
        self._keys = Keys(Path(settings.api_keys)) if settings.api_keys else None
        self._meters = Meters(Cells(place.cells, place.row))
        self._state = State(settings, self._meters)
        self._current = Current(servable, settings, self._meters)
        common = {"ecs.version": "8.11.0", "service.name": servable.name, "service.node.name": str(place.row)}
        self._log = Log(Output(settings.log, place.lock), partial(self._meters.add, "log_dropped", "reason"), common)
        self._reporter = Reporter(self._current, self._meters, self._log)

    def run(self) -> None:
        """Serve until SIGTERM."""
        signal.signal(signal.SIGTERM, _leave)
        logging.getLogger().addHandler(Bridge(self._log))
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._run())
            self._log.event("stopped", "the service has ended")
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already
            self._log.close(seconds=2.0)

    async def _run(self) -> None:
        settings, servable = self._settings, self._current.live.servable
        home = await self._alive(open_home(servable, settings.store, settings.workers, settings.max_ahead))
        if home is None:
            return
        put, failed = self._reporter.swapped, self._reporter.failed
        watch = Watch(settings.bundle, self._seen, partial(self._load, home), put, failed)
        server = Server(self._config(home), self._state, Hooks(self._ready, watch.hurry, self._place.ending))
        self._when_orphaned(partial(server.handle_exit, signal.SIGTERM, None))
        beside = [
            asyncio.create_task(each) for each in (watch.run(settings.poll_seconds), look_after(home, self._reporter))
        ]
        try:
            await server.serve(sockets=[self._listening])
        finally:
            for task in beside:
                task.cancel()
            await home.close()

    async def _alive(self, opening: Coroutine[Any, Any, Home]) -> Home | None:
        """Wait for the store, but no longer than the parent lives."""
        task = asyncio.create_task(opening)
        self._when_orphaned(task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return None

    def _when_orphaned(self, call: Callable[[], Any]) -> None:
        """Call something once the parent ends; instead of what was to be called before."""
        parent = self._place.parent
        if parent is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(parent, lambda: (loop.remove_reader(parent), call()))

    def _config(self, home: Home) -> uvicorn.Config:
        settings, state = self._settings, self._state
        table = list(routes(settings, Scoring(self._current, state, home), About(self._current, state)))
        state.vital = frozenset(route.path for route in table if route.exempt) | {"/metrics"}
        config = uvicorn.Config(
            App(Routes(table), state, self._log, self._keys),
            http=Connection, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
        )  # fmt: skip
        try:
            config.load()
        except (ssl.SSLError, OSError) as error:
            raise PipelineError(
                f"SERVE_TLS_CERT={settings.tls_cert}, SERVE_TLS_KEY={settings.tls_key}: {error}"
            ) from error
        return config

    def _ready(self) -> None:
        host, port = self._listening.getsockname()[:2]
        self._reporter.listening(f"http{'s' if self._settings.tls_cert else ''}://{host}:{port}", port)

    def _load(self, home: Home, folder: Path) -> Servable:
        servable = load(folder, self._settings.model_name)
        home.check(servable)
        return servable


def _leave(number: int, frame: FrameType | None) -> None:
    """End in order: uvicorn passes the signal on once it has answered what there was."""
    sys.exit(0)


async def look_after(home: Home, reporter: Reporter, rest: float = REST) -> None:
    """Do so for ever, however the store does."""
    while True:
        sizes: dict[str, int] = {}
        with suppress(Refusal, TimeoutError):  # it is away, or silent; `problem` says so
            async with asyncio.timeout(rest):
                sizes = dict(await home.size())
        reporter.store(sizes, home.problem)
        settle()
        await asyncio.sleep(rest)


def settle() -> None:
    """Have the collector of garbage leave alone what lives long.

    A look at all entities would hold up everybody for 0.1 s. But what is frozen is never collected, so only what many
    new entities have made of the heap is.
    """
    if len(gc.get_objects(generation=2)) > MANY:
        gc.collect()
        gc.freeze()
