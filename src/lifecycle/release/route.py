"""The route of an environment: which versions answer, and to whom. A small file that the service follows.

The registry (annotated git tags) is the truth; the route is its effect. It stands beside the bundles that it names:

    serving/route.json
    serving/bundles/VERSION/    a bundle, under the version of its manifest

A route is changed under a lock, from what it was to what it shall be, and each change has the next epoch. So two who
change it at once do so one after the other, and the second sees what the first has made.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lifecycle.core.atomic import atomic, locked, sync_folder
from lifecycle.core.errors import PipelineError

FORMAT = 1
ROUTE, BUNDLES = "route.json", "bundles"
PATIENCE = 5.0  # seconds that another process may hold the lock: it writes a file of some hundred bytes
Mode = Literal["single", "shadow", "canary", "ab"]


@dataclass(frozen=True)
class Route:
    """Who answers.

    Parameters
    ----------
    epoch : int
        Number of the change that made it, from 1.
    mode : {"single", "shadow", "canary", "ab"}
        `single`: the champion alone. `shadow`: the champion, and the challenger scores too but answers nobody.
        `canary` and `ab`: the challenger answers a share of the entities.
    champion, challenger, previous : str
        Versions of bundles; the challenger is empty in mode single, previous where there was no earlier champion.
    share : float
        Of the entities that the challenger answers; 0 to 1.
    salt : str
        What entities are hashed with. A ramp keeps it, so who has met the challenger stays with it.
    automatic : int
        Rollbacks that no person has asked for, since a person last changed the route.
    """

    epoch: int
    mode: Mode
    champion: str
    challenger: str = ""
    previous: str = ""
    share: float = 0.0
    salt: str = ""
    automatic: int = 0

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that the service keeps in memory, the champion first, none twice."""
        return tuple(dict.fromkeys(filter(None, (self.champion, self.challenger, self.previous))))


def place_of(entity: str, salt: str) -> float:
    """Return where an entity stands between 0 and 1, evenly for all, the same for ever.

    Those below a share are in it, so a larger share of the same salt holds all entities of a smaller one.

    >>> place_of("4", "spring") == place_of("4", "spring") != place_of("4", "autumn")
    True
    """
    return int.from_bytes(hashlib.sha256(f"{salt}:{entity}".encode()).digest()[:7], "big") / 2**56


def parse_route(content: bytes, path: Path) -> Route:
    """Return the route that a file holds.

    Raises
    ------
    PipelineError
        It holds none; says what is wrong.
    """
    try:
        found = json.loads(content)
        if found.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        route = Route(**found)
        _check(route)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PipelineError(f"{path}: no route: {error}; `python src/mlops.py release sync` writes it anew") from error
    return route


def _check(route: Route) -> None:
    kinds: dict[str, Any] = {"epoch": int, "share": (int, float), "automatic": int}
    for each in fields(Route):
        value, kind = getattr(route, each.name), kinds.get(each.name, str)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{each.name} is {value!r}")
    if route.mode not in get_args(Mode) or not 0 <= route.share <= 1 or route.epoch < 1 or route.automatic < 0:
        raise ValueError(f"mode {route.mode}, share {route.share}, epoch {route.epoch}")
    if not route.champion or bool(route.challenger) != (route.mode != "single"):
        raise ValueError(f"mode {route.mode} with champion {route.champion!r} and challenger {route.challenger!r}")
    if any(Path(version).name != version for version in route.versions):
        raise ValueError(f"versions {', '.join(route.versions)}: each must be the name of a folder")


def read_route(folder: Path) -> Route | None:
    """Return the route of an environment; None where there is none yet."""
    path = folder / ROUTE
    try:
        return parse_route(path.read_bytes(), path)
    except FileNotFoundError:
        return None


def change_route(folder: Path, change: Callable[[Route | None], Route]) -> Route:
    """Replace the route by what `change` makes of it, whose epoch is set here; return it, once it is on disk.

    Raises
    ------
    PipelineError
        What `change` makes can't be followed, or `change` itself says so. Then nothing is written.
    """
    with _lock(folder):
        before = read_route(folder)
        after = replace(change(before), epoch=1 if before is None else before.epoch + 1)
        try:
            _check(after)
        except ValueError as error:
            raise PipelineError(f"{folder / ROUTE}: this can't be followed, so nothing has changed: {error}") from error
        with atomic(folder / ROUTE) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT} | asdict(after), indent=2) + "\n", encoding="utf-8")
        sync_folder(folder)
    return after


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock of an environment, after a wait where another process has it."""
    otherwise, end = f"{folder}: another process has held the lock for {PATIENCE:g} s", time.monotonic() + PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(folder, otherwise))
                break
            except PipelineError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)
        yield
