"""The service's view of the online features: what they are for a record, and keeping what happens.

    home = await open_home(servable, "data/online")
    found = home.features(records, servable)  # or something to wait for, where the history is elsewhere
    outcome = await home.keep(events, servable)  # acknowledged: no crash takes it
    await home.close()

Where the history is, `SERVE_STORE` says: nowhere (`none`), in `memory`, in a folder, or on a Redis server.
"""

from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lifecycle.features.online.state import State
from lifecycle.model.servable import Servable
from lifecycle.serving.online.feature_list import FeatureList, base_of, list_of
from lifecycle.serving.online.history import History, Store
from lifecycle.serving.online.in_process import InMemory
from lifecycle.serving.online.on_disk import open_folder
from lifecycle.serving.online.outcome import Outcome
from lifecycle.serving.online.rows import Found
from lifecycle.serving.online.stateless import Stateless
from lifecycle.stage import PipelineError

DAY_SECONDS = 86_400.0


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
        from lifecycle.serving.online.redis_threads import open_redis

        return await open_redis(place, servable, made)
    if place == "memory":
        if workers > 1:
            raise PipelineError("SERVE_STORE=memory: each process would have a history of its own; name a folder")
        return InMemory(State(made.plan, made.schema, base_of(servable.folder, servable.manifest)))
    if workers > 1:
        from lifecycle.serving.online.store_client import connect

        return await connect(Path(place), made)
    return open_folder(Path(place), made, servable.folder, servable.manifest)
