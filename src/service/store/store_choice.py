"""Which online store the settings name: none, memory, a folder, or Redis."""

from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.features.online.state import State
from service.refusal import Refusal
from service.store.events import FeatureList, Found, base_of, found_of, list_of, told
from service.store.folder import open_folder
from service.store.history import History, Outcome, Store
from service.store.memory import InMemory

DAY_SECONDS = 86_400.0
NO_STORE = "the model's features need the history of {}, and this service keeps none: {}"
START = "start it with SERVE_STORE, a folder or redis://host:port/db"


class Home(Protocol):
    """The online features of the model that is served."""

    @property
    def problem(self) -> str | None:
        """Why events can't be kept right now; None when they can."""

    def features(self, records: Sequence[Mapping[str, Any]], servable: Servable) -> Found | Awaitable[Found]:
        """Return what the model takes of transactions that were checked, at once where that is quick; nothing is kept.

        Raises
        ------
        Refusal
            409: a record is too late, or another one is kept under its key. 422: there is no history, and the model
            needs one. 503: the store can't be reached.
        """

    async def keep(self, events: Sequence[Any], servable: Servable) -> Outcome:
        """Check and keep transactions and labels in their order; return once they outlive a crash.

        Raises
        ------
        Refusal
            As `features`. Then none of the events is kept, but on a Redis server, which others write to as well:
            there it may be those before it. After a 503 they may be sent again.
        """

    def check(self, servable: Servable) -> None:
        """Raise when a model can't be served with this home.

        Raises
        ------
        PipelineError
            Its feature list is another one.
        """

    async def size(self) -> dict[str, int]:
        """Return how many entities and records are kept; empty where that is not known."""

    async def close(self) -> None:
        """Return once nothing is left to do."""


async def open_home(servable: Servable, place: str, workers: int = 1, max_ahead: float = DAY_SECONDS) -> Home:
    """Open the online features of a model.

    Parameters
    ----------
    servable : Servable
        Its feature list is that of the store, its snapshot what a new store starts with.
    place : str
        `none`, `memory`, a folder, or the address of a Redis server.
    workers : int
        How many processes serve. Several share a folder by a process of its own, see `store_process`.
    max_ahead : float
        How much later than now an event may be, seconds.

    Raises
    ------
    PipelineError
        The store can't be used.
    """
    made = list_of(servable)
    if place == "none" or not made.plan.tracks:
        return Stateless(place)
    return History(made, await _opened(servable, made, place, workers), max_ahead)


async def _opened(servable: Servable, made: FeatureList, place: str, workers: int) -> Store:
    if "://" in place:
        from service.store.redis_store import open_redis

        return await open_redis(place, servable, made)
    if place == "memory":
        if workers > 1:
            raise PipelineError("SERVE_STORE=memory: each process would have a history of its own; name a folder")
        return InMemory(State(made.plan, made.schema, base_of(servable.folder, servable.manifest)))
    if workers > 1:
        from service.store.store_client import connect

        return await connect(Path(place), made)
    return open_folder(Path(place), made, servable.folder, servable.manifest)


class Stateless:
    """A home that keeps nothing.

    Parameters
    ----------
    place : str
        SERVE_STORE; other than `none` when a model without windows had no need of it.
    """

    problem: str | None = None

    def __init__(self, place: str) -> None:
        self._place = place
        self._states: WeakKeyDictionary[Servable, State] = WeakKeyDictionary()

    def features(self, records: Sequence[Mapping[str, Any]], servable: Servable) -> Found:
        """Return what a model takes of transactions; see `Home`.

        Raises
        ------
        Refusal
            422: the model's features need a history.
        """
        made = list_of(servable)
        if made.plan.tracks:
            message = NO_STORE.format(" and ".join(made.plan.tracks), f"send the features by name, or {START}")
            raise Refusal(422, "no_store", message)
        state = self._states.get(servable)
        if state is None:
            state = self._states[servable] = State(made.plan, made.schema)
        return found_of(servable, records, [told(row, state.features, record) for row, record in enumerate(records)])

    async def keep(self, events: Sequence[Any], servable: Servable) -> Outcome:
        """Refuse: there is no place for events.

        Raises
        ------
        Refusal
            422: says why.
        """
        tracks = list_of(servable).plan.tracks
        if tracks:
            raise Refusal(422, "no_store", NO_STORE.format(" and ".join(tracks), START))
        raise Refusal(422, "no_history", "the model's features need no history: there is nothing to keep")

    def check(self, servable: Servable) -> None:
        """Raise when a store was asked for that the first model had no need of, and this one has.

        Raises
        ------
        PipelineError
            Says what to do.
        """
        if self._place != "none" and list_of(servable).plan.tracks:
            raise PipelineError(
                f"{servable.folder}: its features need a history; restart the service, to open its store"
            )

    async def size(self) -> dict[str, int]:
        """Return nothing."""
        return {}

    async def close(self) -> None:
        """Do nothing."""
