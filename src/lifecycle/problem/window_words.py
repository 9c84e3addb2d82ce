"""The feature word `Window`: an aggregate over earlier records; and a feature list as JSON."""

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, Literal, NamedTuple

from lifecycle.problem.record_words import DAY_US, Calendar, Difference, Hour, Night, Ratio, Raw, Weekend

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
}
NAN = "NaN"


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


Feature = Raw | Calendar | Ratio | Difference | Window
WORDS: dict[str, type] = {word.__name__: word for word in (Raw, Weekend, Night, Hour, Ratio, Difference, Window)}


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


def declared(feature: Feature) -> dict[str, Any]:
    """Return a feature's declaration as JSON can hold it; an `empty` of NaN becomes text."""
    values = {"word": type(feature).__name__} | dataclasses.asdict(feature)
    missing = isinstance(values.get("empty"), float) and math.isnan(values["empty"])
    return values | ({"empty": NAN} if missing else {})


def features_of(declaration: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Return the features that `declared` described."""
    return tuple(_feature(dict(values)) for values in declaration)


def _feature(values: dict[str, Any]) -> Feature:
    word = WORDS[values.pop("word")]
    if "where" in values:
        values |= {"where": tuple(Where(**where) for where in values["where"]), "days": tuple(values["days"])}
    if values.get("empty") == NAN:
        values["empty"] = math.nan
    return word(**values)
