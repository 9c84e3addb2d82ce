"""Features from history: an online store asked for the features of raw records, and what it may answer."""

import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.features.online.record_schema import Event, Label
from lifecycle.features.online.state import EventStatus, State
from service.online_store.events import FeatureList, Found, event_of, found_of, list_of, read_events, told
from service.refusal import Refusal

Features = list[dict[str, Any]]
NO_STORE = "the model's features need the history of {}, and this service keeps none: {}"
START = "start it with SERVE_STORE, a folder or redis://host:port/db"


class Outcome(NamedTuple):
    """How many events were taken, were known already with the same content, or are labels of unknown transactions."""

    accepted: int
    repeated: int
    unknown: int


def outcome_of(taken: Sequence[EventStatus]) -> Outcome:
    """Count what events came to."""
    return Outcome(taken.count("accepted"), taken.count("repeated"), taken.count("unknown"))


class Store(Protocol):
    """Where the history is."""

    @property
    def problem(self) -> str | None:
        """Why events can't be kept right now; None when they can."""

    @property
    def newest(self) -> int:
        """Time of the newest record that is kept, microseconds since 1970; 0 where that is not known."""

    def features(self, events: Sequence[Event]) -> Features | Awaitable[Features]:
        """Return the features of records, at once where that is quick; nothing is kept."""

    async def keep(self, events: Sequence[Event | Label]) -> Outcome:
        """Keep events in their order; return once they outlive a crash."""

    async def size(self) -> dict[str, int]:
        """Return how much is kept."""

    async def close(self) -> None:
        """Return once nothing is left to do."""


class History:
    """The online features of the model that is served, made from what has happened.

    Parameters
    ----------
    made : FeatureList
        The list that the store was opened for.
    store : Store
        Where the history is.
    max_ahead : float
        How much later than now an event may be, seconds.
    """

    def __init__(self, made: FeatureList, store: Store, max_ahead: float) -> None:
        self._list, self._store, self._ahead_us = made, store, round(max_ahead * 1e6)
        self._now = 0

    @property
    def problem(self) -> str | None:
        """Why events can't be kept right now; None when they can."""
        return self._store.problem

    def features(self, records: Sequence[Mapping[str, Any]], servable: Servable) -> Found | Awaitable[Found]:
        """Return what a model takes of transactions, at once where that is quick; nothing is kept.

        Parameters
        ----------
        records : sequence of mapping
            As `service.inputs.raw_records.transaction` returns them.
        servable : Servable
            Fulfils `check`.

        Raises
        ------
        Refusal
            409: a record is too late, or another one is kept under its key. 503: the store can't be reached.
        """
        schema = self._list.schema
        found = self._store.features([event_of(schema, record, row) for row, record in enumerate(records)])
        if isinstance(found, list):
            return found_of(servable, records, found)
        return self._wait(servable, records, found)

    async def keep(self, events: Sequence[Any], servable: Servable) -> Outcome:
        """Keep transactions and labels in their order; return once they outlive a crash.

        Parameters
        ----------
        events : sequence of Any
            What JSON gave: transactions, and labels as {"label": {key, labels}}.
        servable : Servable
            Fulfils `check`.

        Raises
        ------
        Refusal
            422: an event is none, or far in the future. 409: too late, or another one is kept under its key. Then none
            of the events is kept; on a Redis server, those before it may be. 503: they could not be put on disk. The
            request may be sent again in any case.
        """
        # A clock that is set back must not refuse the retries of events that were taken before.
        self._now = max(self._now, round(time.time() * 1e6))
        latest = max(self._now + self._ahead_us, self._store.newest)
        return await self._store.keep(read_events(servable, self._list.schema, events, latest))

    def check(self, servable: Servable) -> None:
        """Raise when a model needs other features than these.

        Raises
        ------
        PipelineError
            Says what to do.
        """
        if list_of(servable).digest != self._list.digest:
            raise PipelineError(
                f"{servable.folder}: made with another feature list than the online store is open for; restart the"
                " service with a store in a new place"
            )

    async def size(self) -> dict[str, int]:
        """Return how many entities and records are kept; empty where that is not known."""
        return await self._store.size()

    async def close(self) -> None:
        """Return once nothing is left to do."""
        await self._store.close()

    async def _wait(
        self, servable: Servable, records: Sequence[Mapping[str, Any]], features: Awaitable[Features]
    ) -> Found:
        return found_of(servable, records, await features)


class Stateless:
    """What stands in the place of a history where none is kept; see `History`.

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
        """Return what a model takes of transactions; see `History`.

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


Home = History | Stateless
