"""The words of a feature list: what a problem may declare in `src/problems/`.

A feature is one or more columns computed for a record from records that were known at its time. The list is evaluated
by `lifecycle.features.batch`; the names here are the column names of `data/features/features.parquet`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Aggregate = Literal["count", "sum", "mean", "rate"]
AGGREGATES: tuple[str, ...] = get_args(Aggregate)


class OneColumn:
    """A feature of the record alone: one column, under the feature's own name."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """Column names this feature makes."""
        return (self.name,)


@dataclass(frozen=True)
class Raw(OneColumn):
    """A column of the record itself, as it stands: a number, or text that the model's pipeline encodes."""

    name: str


@dataclass(frozen=True)
class Weekend(OneColumn):
    """1 where the record's day is a Saturday or a Sunday."""

    name: str = "is_weekend"


@dataclass(frozen=True)
class Night(OneColumn):
    """1 where the record's hour is `last_hour` (0..23) or earlier."""

    name: str = "is_night"
    last_hour: int = 6


@dataclass(frozen=True)
class Hour(OneColumn):
    """Hour of the day, with fraction: 0 <= h < 24."""

    name: str = "hour"


@dataclass(frozen=True)
class Window:
    """An aggregate over the records of one entity, for each window length.

    At a record of time t and a window of w days it covers the entity's records with time in (t - delay - w, t - delay].
    Without a delay the record itself is covered, and so are all records of that entity and that very time.

    Parameters
    ----------
    name : str
        Base name; the columns are `{name}_{days}d`.
    aggregate : {"count", "sum", "mean", "rate"}
        `mean` is missing where nothing is covered; `rate` (the share of a 0/1 column) is 0 there.
    by : str
        The entity column.
    of : str, optional
        The column to aggregate; none for `count`. `sum` and `mean` need its `decimals` in the contract.
    days : tuple of float
        Window lengths.
    delay_days : float
        Age of the youngest record covered. At least the label delay where `of` is the target.
    """

    name: str
    aggregate: Aggregate
    by: str
    of: str | None = None
    days: tuple[float, ...] = (1, 7, 30)
    delay_days: float = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Column names this feature makes."""
        return tuple(f"{self.name}_{days:g}d" for days in self.days)


Feature = Raw | Weekend | Night | Hour | Window
