"""The service as a plain ASGI application: any ASGI server runs it.

    PYTHONPATH=src uvicorn --factory service.app:application
    PYTHONPATH=src granian --interface asgi --factory service.app:application

`python src/mlops.py serve` runs it on the server of service/server.
"""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.features.online.state import State
from service.access import Keys
from service.admission import Admission
from service.audit_trail import opened_trail
from service.body import Receive
from service.current_model import Current
from service.exchange import Exchange
from service.live_bundle import Live, Watch, alike, load, signature
from service.management_endpoints import About
from service.online_store.events import base_of, list_of
from service.online_store.folder_store import open_folder
from service.online_store.history import History, Home, Stateless, Store
from service.online_store.memory_store import InMemory
from service.process_identity import Place
from service.refusal import Refusal
from service.request_handler import RequestHandler, Send
from service.route_follower import GLANCE, RouteFollower, first_route
from service.routes import routes
from service.routing import Routes
from service.scoring import Scoring
from service.settings import Settings, load_settings
from service.shadow import Shadow
from service.telemetry.arm_metrics import ArmMeters
from service.telemetry.log import SCHEMA, Bridge, Log, Output, Reporter
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from service.telemetry.spans import Spans

REST = 2.0  # seconds between two looks at the store and the heap
MANY = 20_000  # objects: the collector looks at as many in a millisecond or two


def application() -> "Application":
    """Return the application with the settings of the environment; the lifespan's startup opens what it needs."""
    return Application(load_settings(os.environ), Place.only())


class Application:
    """The parts of a service process; `opened` makes them, and the lifespan protocol does so on other servers.

    Parameters
    ----------
    settings : Settings
        The knobs.
    place : Place
        Which process of the service it is.

    Attributes
    ----------
    meters : Meters
        What is counted.
    draining : bool
        The process ends soon: readiness says so.
    handler : RequestHandler
        What answers, once all is open.
    vital : frozenset of str
        Paths that are answered however busy the service is.
    """

    def __init__(self, settings: Settings, place: Place) -> None:
        self.settings, self.place, self.draining = settings, place, False
        self.meters = Meters(Cells(place.cells, place.row))
        self.vital: frozenset[str] = frozenset()
        self.reporter: Reporter
        self.watch: Watch | RouteFollower
        self.handler: RequestHandler

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or begin and end."""
        if scope["type"] == "http":
            await self.handler(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"only HTTP is served, not {scope['type']}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self.opened():
                self.reporter.listening("an ASGI server", self.settings.port)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except PipelineError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the bundle, the log and the store; close them in the opposite order.

        Raises
        ------
        PipelineError
            The bundle does not match its manifest, or something else that the settings name can't be used.
        """
        settings = self.settings
        seen = signature(settings.bundle)  # before it is read: what comes while the service starts is news
        first = first_route(Path(settings.route), settings.model_name) if settings.route else None
        servable, together = loaded(settings) if first is None else first.champion
        keys = Keys(Path(settings.api_keys)) if settings.api_keys else None
        current = Current(Live(servable, self.meters, together), self.meters)
        async with self._recording(servable.name) as (log, record):
            self.reporter = Reporter(current, self.meters, log)
            home = await open_home(servable, settings)
            check = partial(_load, home, settings.model_name)
            if first is None:
                self.watch = Watch(settings.bundle, seen, check, self.reporter.swapped, self.reporter.failed)
            else:
                self.watch = RouteFollower(settings, first, current, home, self.meters, log)
            self.handler = self._made(current, home, keys, record)
            seconds = settings.poll_seconds if first is None else GLANCE
            audited = opened_trail(settings, self.meters)
            async with (
                audited as self.handler.audit,
                _beside(self.watch.run(seconds), look_after(home, self.reporter)),
            ):
                try:
                    yield
                finally:
                    await home.close()
            log.event("stopped", "the service has ended")

    @asynccontextmanager
    async def _recording(self, name: str) -> AsyncIterator[tuple[Log, Callable[[Exchange], None]]]:
        """Give the log, and what keeps a request: its line, its counts in a trial, a span for a collector."""
        settings, place = self.settings, self.place
        common = SCHEMA | {"service.name": name, "service.node.name": str(place.row)}
        log = Log(Output(settings.log, place.lock), partial(self.meters.add, "log_dropped", "reason"), common)
        dropped, endpoint = partial(self.meters.add, "spans_dropped", "reason"), settings.otlp_endpoint
        spans = Spans(endpoint, common, dropped) if endpoint else None

        arms = ArmMeters(self.meters)
        shadow = Shadow(log, self.meters, arms, settings.log_values) if settings.route else None

        def record(exchange: Exchange) -> None:
            log.put(exchange.at, exchange.fields())
            assigned = exchange.assigned
            if assigned is not None:
                arms.add(exchange, assigned)
                if shadow is not None and exchange.scored is not None and assigned.trial.route.mode == "shadow":
                    shadow.add(exchange, assigned)
            if spans is not None:
                spans.add(exchange)

        bridge = Bridge(log)
        logging.getLogger().addHandler(bridge)
        try:
            yield log, record
        finally:
            logging.getLogger().removeHandler(bridge)
            if shadow is not None:
                await shadow.close(seconds=1.0)
            log.close(seconds=2.0)
            if spans is not None:
                spans.close(seconds=2.0)

    def _made(
        self, current: Current, home: Home, keys: Keys | None, record: Callable[[Exchange], None]
    ) -> RequestHandler:
        admission = Admission(self.settings.max_wait_ms / 1000)
        scoring = Scoring(current, self.settings, self.meters, home, admission, self.ready)
        table = routes(self.settings, scoring, About(current, self.settings, self.meters, self.ready))
        self.vital = frozenset(route.path for route in table if route.vital)
        return RequestHandler(Routes(table), self.settings, self.meters, keys, admission, record)

    def ready(self) -> bool:
        """Tell whether requests should be sent here."""
        return not self.draining


async def open_home(servable: Servable, settings: Settings) -> Home:
    """Open the online features of a model: its feature list is that of the store, its snapshot what a new one has.

    Raises
    ------
    PipelineError
        The store can't be used.
    """
    made, place, workers = list_of(servable), settings.store, settings.workers
    if place == "none" or not made.plan.tracks:
        return Stateless(place)
    store: Store
    if "://" in place:
        from service.online_store.redis_store import open_redis

        store = await open_redis(place, servable, made)
    elif place == "memory":
        if workers > 1:
            raise PipelineError("SERVE_STORE=memory: each process would have a history of its own; name a folder")
        store = InMemory(State(made.plan, made.schema, base_of(servable.folder, servable.manifest)))
    elif workers > 1:  # they share the folder by a process of its own
        from service.online_store.store_client import connect

        store = await connect(Path(place), made)
    else:
        store = open_folder(Path(place), made, servable.folder, servable.manifest)
    return History(made, store, settings.max_ahead)


@asynccontextmanager
async def _beside(*work: Any) -> AsyncIterator[None]:
    """Have work done in the background."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def loaded(settings: Settings) -> tuple[Servable, bool]:
    """Return the bundle of the settings, and whether rows may be scored together."""
    servable = load(settings.bundle, settings.model_name)
    return servable, alike(servable)


def _load(home: Home, name: str, folder: Path) -> Servable:
    """Return a bundle that may take the place of the one that is served."""
    servable = load(folder, name)
    home.check(servable)
    return servable


async def look_after(home: Home, reporter: Reporter, rest: float = REST) -> None:
    """Do so for ever, however the store does."""
    while True:
        sizes: dict[str, int] = {}
        with suppress(Refusal, TimeoutError):  # it is away, or silent; `problem` says so
            async with asyncio.timeout(rest):
                sizes = dict(await home.size())
        reporter.store(sizes, home.problem)
        reporter.files()
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
