"""Online features without a history: of the record alone, where the feature list has no windows."""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from lifecycle.features.online.state import State
from lifecycle.model.servable import Servable
from lifecycle.serving.errors import Refusal
from lifecycle.serving.online.feature_list import list_of
from lifecycle.serving.online.outcome import Outcome
from lifecycle.serving.online.rows import Found, found_of
from lifecycle.serving.online.store_errors import told
from lifecycle.stage import PipelineError

NO_STORE = "the model's features need the history of {}, and this service keeps none: {}"
START = "start it with SERVE_STORE, a folder or redis://host:port/db"


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
