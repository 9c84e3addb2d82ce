"""Which online store the settings name: none, memory, a folder, or Redis."""

from pathlib import Path

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.features.online.state import State
from service.online_store.events import FeatureList, base_of, list_of
from service.online_store.folder_store import open_folder
from service.online_store.history import History, Home, Stateless, Store
from service.online_store.memory_store import InMemory

DAY_SECONDS = 86_400.0


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
        from service.online_store.redis_store import open_redis

        return await open_redis(place, servable, made)
    if place == "memory":
        if workers > 1:
            raise PipelineError("SERVE_STORE=memory: each process would have a history of its own; name a folder")
        return InMemory(State(made.plan, made.schema, base_of(servable.folder, servable.manifest)))
    if workers > 1:
        from service.online_store.store_client import connect

        return await connect(Path(place), made)
    return open_folder(Path(place), made, servable.folder, servable.manifest)
