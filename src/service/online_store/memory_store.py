"""The online state in the memory of the process that serves."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from lifecycle.features.online.record_schema import Event, Label
from lifecycle.features.online.state import Draft, State
from service.online_store.events import told
from service.online_store.history import Features, Outcome, outcome_of

E = TypeVar("E")
T = TypeVar("T")
TURN = 16  # events after which others have a turn: about a millisecond


class InMemory:
    """A state that ends with the process.

    Parameters
    ----------
    state : State
        For the event loop alone.
    """

    problem: str | None = None

    def __init__(self, state: State) -> None:
        self._state = state
        self._order = asyncio.Lock()
        self._keeping: set[asyncio.Task[Outcome]] = set()

    @property
    def newest(self) -> int:
        """Time of the newest record that is kept, microseconds since 1970."""
        return self._state.store.newest

    def features(self, events: Sequence[Event]) -> Features | Awaitable[Features]:
        """Return the features of records, of a few at once; nothing is kept."""
        if len(events) < TURN:
            return [self.ask(event, row) for row, event in enumerate(events)]
        return in_turns(self.ask, events)

    async def keep(self, events: Sequence[Event | Label]) -> Outcome:
        """Keep events in their order, all of them or none, also when who asked does not wait for it."""
        task = asyncio.create_task(self._keep(events))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        return await asyncio.shield(task)

    async def _keep(self, events: Sequence[Event | Label]) -> Outcome:
        async with self._order:  # nobody comes between the look and the deed
            await self.settle_before()
            draft = Draft(self._state)
            new = await in_turns(partial(self._is_new, draft), events)
            taken = await in_turns(lambda event, row: self._state.keep(event) if new[row] else "repeated", events)
        await self.settle()
        return outcome_of(taken)

    def ask(self, event: Event, row: int) -> dict[str, Any]:
        """Return the features of one record."""
        return told(row, self._state.features_of_event, event)

    async def settle_before(self) -> None:
        """Return once there is nothing left that could not be settled."""

    async def settle(self) -> None:
        """Return once all that has happened may be acknowledged."""
        self._state.changes.clear()

    async def size(self) -> dict[str, int]:
        """Return how much is kept."""
        return self._state.store.size()

    async def close(self) -> None:
        """Return once what was begun is done."""
        await asyncio.gather(*self._keeping, return_exceptions=True)

    def _is_new(self, draft: Draft, event: Event | Label, row: int) -> bool:
        return isinstance(event, Label) or told(row, draft.add, event)


async def in_turns(work: Callable[[E, int], T], events: Sequence[E]) -> list[T]:
    """Return what `work` gives for each event and its row number; other tasks run in between."""
    found = []
    for row, event in enumerate(events):
        if row % TURN == TURN - 1:
            await asyncio.sleep(0)
        found.append(work(event, row))
    return found
