"""The words of a feature list: what a problem may declare in `src/problems/`.

A feature is one or more columns computed for a record from records that were known at its time. One list has three
evaluators with the same bits: `lifecycle.features.batch`, `.partitioned` and `.online`. Every window has an end, so
every evaluator knows how far back it must look.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Any, Literal, NamedTuple

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000


class Shape(NamedTuple):
    """What an aggregate takes and gives.

    `of` is "none", "any" column, a "number", an "exact" number (one with `decimals`) or a 0/1 "flag". `empty` stands
    where a window covers nothing; `None` means the age of the window's old end.
    """

    of: Literal["none", "any", "number", "exact", "flag"]
    type: Literal["int32", "float64"]
    empty: float | None
    unit: str | None  # None: that of the column


AGGREGATES = {
    "count": Shape("none", "int32", 0, "records"),
    "sum": Shape("exact", "float64", 0, None),
    "mean": Shape("exact", "float64", nan, None),
    "std": Shape("exact", "float64", nan, None),
    "min": Shape("number", "float64", nan, None),
    "max": Shape("number", "float64", nan, None),
    "median": Shape("number", "float64", nan, None),
    "rate": Shape("flag", "float64", 0, "share"),
    "distinct": Shape("any", "int32", 0, "values"),
    "since": Shape("none", "float64", None, "days"),
    "run_length": Shape("flag", "int32", 0, "records"),
    "run_days": Shape("flag", "float64", 0, "days"),
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
}


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


@dataclass(frozen=True)
class Where:
    """A condition on the records that a window covers: `column` is "==", "!=", "<=" or ">=" `value`."""

    column: str
    is_: str
    value: float | str

    def holds(self, values: Any) -> Any:
        """Tell of one value, or of each in an array, whether it meets the condition."""
        return OPERATORS[self.is_](values, self.value)


@dataclass(frozen=True)
class Window:
    """An aggregate over the records of one entity, for each window length.

    At a record of time t and a window of w days it covers the entity's records with time in (t - delay - w, t - delay].
    Without a delay those are the records that came before this one (of equal times: stand above it in the table), and
    the record itself when `current`.

    Parameters
    ----------
    name : str
        Base name; the columns are `{name}_{days}d`.
    aggregate : str
        A key of `AGGREGATES`. `std` is the sample's; `rate` is the share of a 0/1 column; `since` is the days since the
        newest covered record; `run_length` counts the newest covered records in a row that are 1 in a 0/1 column, and
        `run_days` is the age of the first of them.
    by : str
        The entity column.
    of : str, optional
        The column, or an earlier feature, to aggregate; none for `count` and `since`.
    days : tuple of float
        Window lengths.
    delay_days : float
        Age of the youngest record covered. At least the label delay where `of` or `where` is known late.
    where : tuple of Where
        Only records that meet all of these are covered. May name columns and earlier features.
    current : bool
        Whether a window without delay covers the record itself.
    empty : float, optional
        The value where nothing is covered (`std`: fewer than two records; `run_days`: no run). Not for `count`,
        `distinct` and `run_length`, which are 0 then. By default the aggregate's own, and for `since` the age of the
        window's old end.
    """

    name: str
    aggregate: str
    by: str
    of: str | None = None
    days: tuple[float, ...] = (1, 7, 30)
    delay_days: float = 0
    where: tuple[Where, ...] = ()
    current: bool = True
    empty: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Column names this feature makes."""
        return tuple(f"{self.name}_{days:g}d" for days in self.days)

    @property
    def reads(self) -> tuple[str, ...]:
        """The entity column, what is aggregated, and what is asked for."""
        return (self.by, *((self.of,) if self.of else ()), *(w.column for w in self.where))

    @property
    def sees(self) -> tuple[str, ...]:
        """What is read of other records than this one."""
        return self.reads[1:]

    @property
    def age_us(self) -> int:
        """Age of the youngest record covered, microseconds."""
        return round(self.delay_days * DAY_US)

    @property
    def reach_us(self) -> int:
        """How far back the longest window looks, microseconds."""
        return round((self.delay_days + max(self.days)) * DAY_US)

    def nothing(self, days: float) -> float:
        """Return the value of a window of that length that covers nothing."""
        own = AGGREGATES[self.aggregate].empty if self.empty is None else self.empty
        return days + self.delay_days if own is None else own


Calendar = Weekend | Night | Hour
Feature = Raw | Calendar | Ratio | Difference | Window


def depths(features: tuple[Feature, ...]) -> dict[str, int]:
    """Return, by column name, how many windows stand on each other's results below it.

    A window is one deeper than what it reads of other records: that must be known for all records before the window
    can be evaluated. A feature of the record alone is as deep as what it is made of.
    """
    found: dict[str, int] = {}
    for feature in features:
        deeper = isinstance(feature, Window)
        found |= dict.fromkeys(feature.names, _most(found, feature) + deeper)
    return found


def look_back_us(features: tuple[Feature, ...]) -> int:
    """Return how far before a record lies the oldest record that can change a feature of it, microseconds."""
    found: dict[str, int] = {}
    for feature in features:
        own = feature.reach_us if isinstance(feature, Window) else 0
        found |= dict.fromkeys(feature.names, _most(found, feature) + own)
    return max(found.values(), default=0)


def _most(found: dict[str, int], feature: Feature) -> int:
    seen = feature.sees if isinstance(feature, Window) else feature.reads
    return max((found.get(name, 0) for name in seen), default=0)
