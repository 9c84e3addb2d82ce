"""What the online evaluator needs of those who keep entities, and what it tells them."""

from typing import Any, NamedTuple, Protocol

from lifecycle.features.online.entity import Entity
from lifecycle.features.online.record import Record
from lifecycle.features.vocabulary import DAY_US


class LateRecordError(ValueError):
    """A record is older than the newest of one of its entities by more than the state remembers."""

    def __init__(self, record: Record, by: str, behind_us: int, lateness_us: int) -> None:
        super().__init__(
            f"record {record.key}: {behind_us / DAY_US:.2f} days older than the newest of {by} {record.values[by]};"
            f" at most {lateness_us / DAY_US:g} can be taken"
        )
        self.by, self.behind_us, self.lateness_us = by, behind_us, lateness_us


class RepeatError(ValueError):
    """Another record is kept under the key of a record."""

    def __init__(self, key: Any, column: str) -> None:
        super().__init__(f"record {key}: already kept with another {column}")
        self.column = column


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
