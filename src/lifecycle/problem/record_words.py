"""Feature words of the record alone: a column, the calendar, a ratio, a difference."""

from dataclasses import dataclass
from math import nan
from typing import Any

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000


class OneColumn:
    """A feature of the record alone: one column, under the feature's own name."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """Column names this feature makes."""
        return (self.name,)

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns and earlier features this one is made from."""
        return ()


@dataclass(frozen=True)
class Raw(OneColumn):
    """A column of the record itself, as it stands: a number, or text that the model's pipeline encodes."""

    name: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.name,)


@dataclass(frozen=True)
class Weekend(OneColumn):
    """1 where the record's day is a Saturday or a Sunday."""

    name: str = "is_weekend"

    def at(self, time_us: Any) -> Any:
        """Evaluate microseconds since 1970, one or an array: day 0 was a Thursday."""
        return (time_us // DAY_US + 3) % 7 >= 5


@dataclass(frozen=True)
class Night(OneColumn):
    """1 where the record's hour is `last_hour` (0..23) or earlier."""

    name: str = "is_night"
    last_hour: int = 6

    def at(self, time_us: Any) -> Any:
        """Evaluate microseconds since 1970, one or an array."""
        return time_us % DAY_US // HOUR_US <= self.last_hour


@dataclass(frozen=True)
class Hour(OneColumn):
    """Hour of the day, with fraction: 0 <= h < 24."""

    name: str = "hour"

    def at(self, time_us: Any) -> Any:
        """Evaluate microseconds since 1970, one or an array."""
        return time_us % DAY_US / HOUR_US


@dataclass(frozen=True)
class Ratio(OneColumn):
    """`of` by `over`, each a number of the record or an earlier feature; `empty` where `over` is 0 or missing."""

    name: str
    of: str
    over: str
    empty: float = nan

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sides."""
        return (self.of, self.over)


@dataclass(frozen=True)
class Difference(OneColumn):
    """`of` less `minus`, each a number of the record or an earlier feature."""

    name: str
    of: str
    minus: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sides."""
        return (self.of, self.minus)


Calendar = Weekend | Night | Hour
