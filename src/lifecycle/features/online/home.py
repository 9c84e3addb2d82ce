"""What the online evaluator needs of those who keep entities, and what it tells them."""

from typing import Any, NamedTuple, Protocol

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.record import Record


class LateRecordError(ValueError):
    """A record is older than its entity's newest by more than the state remembers."""


class Home(Protocol):
    """Where entities and records are; each is the same object every time until the work on a record is done."""

    def entity(self, by: str, value: Any) -> Entity:
        """Return the entity of a column and value, a new one when it is unknown."""

    def record(self, arrival: int) -> Record:
        """Return a record that an entity holds."""


class Added(NamedTuple):
    """What keeping a record has done: its features, records whose derived values changed, and arrivals dropped."""

    found: dict[str, Any]
    changed: list[Record]
    dropped: list[int]
