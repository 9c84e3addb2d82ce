"""The route of an environment, followed: what it names is loaded beside the service, and answers from one turn on.

    serving/route.json            see `lifecycle.release.route`
    serving/bundles/VERSION/      the bundles that it names

The champion, the challenger and the previous champion stay in memory, so a rollback reads no bundle.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.release.route import BUNDLES, ROUTE, Route, read_route
from service.arms import CHALLENGER, CHAMPION, Trial, check_interchangeable
from service.current_model import Current, Routed
from service.live_bundle import Live, alike, load
from service.online_store.history import Home
from service.settings import Settings
from service.telemetry.log import Log
from service.telemetry.service_metrics import ROUTE_GAUGES, Meters

GLANCE = 0.02  # seconds between two looks at the file; they take about a hundredth of a processor
AGAIN = 3.0  # seconds after which a route that could not be followed is tried again
SYNC = "`python src/mlops.py release sync` writes it"
Mark = tuple[int, int, int]
Loaded = tuple[Servable, bool]


class FirstRoute(NamedTuple):
    """The route at the start, the mark of its file before it was read, and the bundles that it names."""

    route: Route
    mark: Mark | None
    loaded: dict[str, Loaded]

    @property
    def champion(self) -> Loaded:
        """What answers."""
        return self.loaded[self.route.champion]


def first_route(folder: Path, name: str) -> FirstRoute:
    """Return the route of an environment, and its bundles; the previous champion only where it can be loaded.

    Raises
    ------
    PipelineError
        There is no route, or one that can't be followed.
    """
    seen = mark_of(folder / ROUTE)
    route = required_route(folder)
    loaded = {version: load_version(folder, version, name) for version in _answering(route)}
    if route.previous and route.previous not in loaded:
        with contextlib.suppress(PipelineError, OSError):
            loaded[route.previous] = load_version(folder, route.previous, name)
    return FirstRoute(route, seen, loaded)


def required_route(folder: Path) -> Route:
    """Return the route of an environment that must have one."""
    found = read_route(folder)
    if found is None:
        raise PipelineError(f"{folder / ROUTE}: there is no route; {SYNC}")
    return found


def mark_of(path: Path) -> Mark | None:
    """Return what tells that the file is another one than before; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def load_version(folder: Path, version: str, name: str) -> Loaded:
    """Return a bundle of an environment, verified and warmed, and whether rows may be scored together.

    Raises
    ------
    PipelineError
        It can't be served, or its version is not the name of its folder.
    """
    place = folder / BUNDLES / version
    servable = load(place, name)
    if servable.version != version:
        raise PipelineError(f"{place}: the bundle's version is {servable.version}; its folder must be named so")
    return servable, alike(servable)


class RouteFollower:
    """Follows the route; see `service.live_bundle.Watch`, which watches a single bundle.

    Parameters
    ----------
    settings : Settings
        The environment's folder, and the model's name.
    first : FirstRoute
        What is followed from the start.
    current : Current
        Gets the models that answer.
    home : Home
        Holds each bundle against its feature list.
    meters : Meters
        Say which epoch is followed.
    log : Log
        Says what changes, and why something does not.

    Raises
    ------
    PipelineError
        The first route can't be followed.
    """

    def __init__(
        self, settings: Settings, first: FirstRoute, current: Current, home: Home, meters: Meters, log: Log
    ) -> None:
        self._folder, self._name, self._current, self._home = Path(settings.route), settings.model_name, current, home
        self._path, self._meters, self._log = self._folder / ROUTE, meters, log
        self._tasks = set[asyncio.Task[None]]()
        self._seen, self._again, self._said = first.mark, float("inf"), ""
        self._memory = {first.route.champion: current.live}
        for version, (servable, together) in first.loaded.items():
            home.check(servable)
            self._memory.setdefault(version, Live(servable, meters, together))
        self._followed = self._wanted = first.route
        for gauge in ROUTE_GAUGES:
            meters.set(gauge, 0.0)
        self._apply(first.route)

    def hurry(self) -> None:
        """Read the route again at the next look, changed or not."""
        self._again = 0.0

    async def run(self, seconds: float) -> None:
        """Follow for ever."""
        while True:
            await asyncio.sleep(seconds)
            self.look()

    def look(self) -> None:
        """Look once: a route whose bundles are in memory is followed at once, others once they are loaded."""
        seen = mark_of(self._path)
        if seen == self._seen and time.monotonic() < self._again:
            return
        self._seen, self._again = seen, float("inf")  # before it is read: what changes while it is read is seen later
        try:
            self._take(required_route(self._folder))
        except (PipelineError, OSError) as error:
            self._fail(str(error))

    def _take(self, route: Route) -> None:
        followed = self._followed
        if route.epoch < followed.epoch or (route.epoch == followed.epoch and route != followed):
            reason = f"its epoch is {route.epoch}, and {followed.epoch} is followed already"
            advice = "change it with `python src/mlops.py release`, or restart the service to follow a new environment"
            self._fail(f"{self._path}: {reason}; {advice}", "stale")
            return
        self._wanted = route
        self._meters.set("route_wanted", route.epoch)
        missing = [version for version in _answering(route) if version not in self._memory]
        if missing:
            self._begin(route, missing)
        else:
            self._apply(route)

    def _apply(self, route: Route) -> None:
        """Serve what a route says: nothing of it takes a wait, so no request sees half of it."""
        champion, trial = self._memory[route.champion], None
        if route.challenger:
            challenger = self._memory[route.challenger]
            check_interchangeable(champion.servable, challenger.servable)
            trial = Trial(route, champion, challenger)
        before, self._followed = self._followed, route
        self._current.follow(champion, Routed(route.epoch, trial))
        self._memory = {version: self._memory[version] for version in route.versions if version in self._memory}
        self._tell(before, route)
        if route.previous and route.previous not in self._memory:
            self._begin(route, [route.previous])

    def _begin(self, route: Route, versions: Sequence[str]) -> None:
        task = asyncio.create_task(self._fetch(route, versions))
        self._tasks.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, route: Route, versions: Sequence[str]) -> None:
        """Load bundles for a route beside the event loop, and follow it unless there is a newer one meanwhile."""
        try:
            for version in versions:
                servable, together = await asyncio.to_thread(self._checked, version)
                if version in self._wanted.versions:
                    self._memory.setdefault(version, Live(servable, self._meters, together))
            if route == self._wanted != self._followed:
                self._apply(route)
        except Exception as error:  # whatever is wrong with a bundle, the next one may be right
            reason = str(error) if isinstance(error, PipelineError | OSError) else f"{versions}: {error!r}"
            if route == self._followed:
                self._log.event("route", f"the previous champion is not in memory: {reason}", "warn")
            elif route == self._wanted:
                self._fail(reason)

    def _checked(self, version: str) -> Loaded:
        loaded = load_version(self._folder, version, self._name)
        self._home.check(loaded[0])
        return loaded

    def _tell(self, before: Route, route: Route) -> None:
        """Say what is followed."""
        for shown, each in ((0.0, before), (1.0, route)):
            if each.challenger:
                for arm, version in ((CHAMPION, each.champion), (CHALLENGER, each.challenger)):
                    self._meters.set("arm", shown, "arm", arm, "version", version)
        for gauge, value in zip(ROUTE_GAUGES, (route.epoch, route.epoch, 0.0), strict=True):
            self._meters.set(gauge, float(value))
        if route == before and not self._said:
            return
        self._said = ""
        self._meters.add("route_changes", "result", "ok")
        beside = f", {route.challenger} beside it in mode {route.mode}" if route.challenger else ""
        more = {"event.outcome": "success", "service.version": route.champion, "route.epoch": route.epoch}
        self._log.event("route", f"epoch {route.epoch}: {route.champion} answers{beside}", more=more)

    def _fail(self, reason: str, result: str = "failed") -> None:
        """Go on as before, and try again soon; the log has each reason once."""
        self._again = time.monotonic() + AGAIN
        self._meters.set("route_problem", 1.0)
        if reason == self._said:
            return
        self._said, epoch = reason, self._followed.epoch
        self._meters.add("route_changes", "result", result)
        self._meters.add("swaps", "result", "failed")  # whoever watches for models that can't be served sees these too
        more = {"event.outcome": "failure", "service.version": self._followed.champion, "route.epoch": epoch}
        self._log.event("route", f"the route is not followed, epoch {epoch} goes on: {reason}", "error", more)


def _answering(route: Route) -> list[str]:
    """Return the versions without which a route can't be followed."""
    return [version for version in (route.champion, route.challenger) if version]
