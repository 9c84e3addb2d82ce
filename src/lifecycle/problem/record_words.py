"""Feature words of the record alone: a column, the calendar, a ratio, a difference.

Each word is one class with everything that the project needs of it. A new word is a new class here; nothing else lists
the words.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from math import nan
from typing import Any, ClassVar

import numpy as np

from lifecycle.core.errors import PipelineError
from lifecycle.core.value_limits import is_number_or_nan
from lifecycle.problem.plain_text import column_noun, is_missing, number_text

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000

Columns = Mapping[str, np.ndarray]


class RecordWord(ABC):
    """A feature of the record alone: one column, under the feature's own name. A subclass is a frozen dataclass.

    Attributes
    ----------
    known : dict of str to type
        All words by class name, as JSON and error messages have them; a class enters it when it is defined.
    dtype, unit : str or None
        Of the column that it makes; None means those of the column that it reads first.
    sources : tuple of str
        The fields that hold columns or earlier features: what it is made from.
    meaning : str
        What it is, for the catalogue, with fields in braces.
    takes_text : bool
        Whether a column that it reads may be text.
    reads_time : bool
        Whether it depends on the record's time.
    """

    known: ClassVar[dict[str, type[Any]]] = {}
    dtype: ClassVar[str | None] = "float64"
    unit: ClassVar[str | None] = None
    sources: ClassVar[tuple[str, ...]] = ()
    meaning: ClassVar[str]
    takes_text: ClassVar[bool] = False
    reads_time: ClassVar[bool] = False
    name: str

    def __init_subclass__(cls, abstract: bool = False) -> None:
        if not abstract:
            RecordWord.known[cls.__name__] = cls

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that this feature makes."""
        return (self.name,)

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns and earlier features that this one is made from."""
        return tuple(getattr(self, field) for field in self.sources)

    @abstractmethod
    def batch(self, columns: Columns, time_us: np.ndarray) -> np.ndarray:
        """Return the feature of each record of a table.

        Parameters
        ----------
        columns : mapping of str to numpy.ndarray, shape (n,)
            Among them what `reads` names.
        time_us : numpy.ndarray of int64, shape (n,)
            Microseconds since 1970.
        """

    @abstractmethod
    def online(self, values: Mapping[str, Any], time_us: int) -> Any:
        """Return the feature of one record: the bits that `batch` gives, as a Python number or text."""

    def definition(self) -> str:
        """Return what the feature is, for the catalogue."""
        return self.meaning.format(**vars(self))

    def noun_phrase(self) -> str:
        """Return what the feature holds, as a noun."""
        return column_noun(self.name)

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        """Return what the feature says of a record, for the reasons of a score.

        Parameters
        ----------
        row : mapping of str to Any
            The record's values by column, this feature's among them; of what it reads, those that are known.
        noun_of : callable
            Gives the noun of a column or an earlier feature.
        """
        value = row[self.name]
        return f"{column_noun(self.name)} is {'missing' if is_missing(value) else number_text(value)}"

    def may_be_missing(self, nullable: Set[str]) -> bool:
        """Return whether the feature can be missing, given which columns and earlier features can."""
        return not nullable.isdisjoint(self.reads)

    def check_fields(self) -> None:
        """Raise when a field has no legal value, whatever the contract says.

        Raises
        ------
        PipelineError
            Says which field.
        """
        check_name("name", self.name)
        for column in self.reads:
            check_name("a column", column)


@dataclass(frozen=True)
class Raw(RecordWord):
    """A column of the record itself, as it stands: a number, or text that the model's pipeline encodes."""

    dtype = None
    takes_text = True
    sources = ("name",)
    meaning = "as it stands"
    name: str

    def batch(self, columns: Columns, time_us: np.ndarray) -> np.ndarray:
        return columns[self.name]

    def online(self, values: Mapping[str, Any], time_us: int) -> Any:
        return values[self.name]

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        value = row[self.name]
        return f"{column_noun(self.name)} is {'missing' if is_missing(value) else number_text(value, exact=True)}"


class Calendar(RecordWord, abstract=True):
    """A feature of the record's time."""

    reads_time = True

    @abstractmethod
    def at(self, time_us: Any) -> Any:
        """Return the feature at one time or at each of an array, in microseconds since 1970."""

    def batch(self, columns: Columns, time_us: np.ndarray) -> np.ndarray:
        return np.asarray(self.at(time_us), self.dtype)

    def online(self, values: Mapping[str, Any], time_us: int) -> Any:
        return self.at(time_us)


class CalendarFlag(Calendar, abstract=True):
    """1 at some times, 0 at others."""

    dtype = "int8"
    unit = "0 or 1"

    def online(self, values: Mapping[str, Any], time_us: int) -> Any:
        return int(self.at(time_us))


@dataclass(frozen=True)
class Weekend(CalendarFlag):
    """1 where the record's day is a Saturday or a Sunday."""

    meaning = "1 on a Saturday or Sunday"
    name: str = "is_weekend"

    def at(self, time_us: Any) -> Any:
        return (time_us // DAY_US + 3) % 7 >= 5  # day 0 was a Thursday

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        return "it is a Saturday or a Sunday" if row[self.name] else "it is neither Saturday nor Sunday"


@dataclass(frozen=True)
class Night(CalendarFlag):
    """1 where the record's hour is `last_hour` (0..23) or earlier."""

    meaning = "1 from 0:00 to {last_hour}:59"
    name: str = "is_night"
    last_hour: int = 6

    def at(self, time_us: Any) -> Any:
        return time_us % DAY_US // HOUR_US <= self.last_hour

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        return f"it is {'' if row[self.name] else 'not '}between 0:00 and {self.last_hour}:59"

    def check_fields(self) -> None:
        super().check_fields()
        if type(self.last_hour) is not int or self.last_hour not in range(24):
            raise PipelineError(f"last_hour = {self.last_hour!r} must be a whole number from 0 to 23")


@dataclass(frozen=True)
class Hour(Calendar):
    """Hour of the day, with fraction: 0 <= h < 24."""

    unit = "hours"
    meaning = "hour of the day"
    name: str = "hour"

    def at(self, time_us: Any) -> Any:
        return time_us % DAY_US / HOUR_US

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        value = row[self.name]
        return f"the time is {int(value)}:{int(value % 1 * 60):02}"


@dataclass(frozen=True)
class Ratio(RecordWord):
    """`of` by `over`, each a number of the record or an earlier feature; `empty` where `over` is 0 or missing."""

    unit = "times"
    sources = ("of", "over")
    meaning = "{of} / {over}; {empty:g} where {over} is 0 or missing"
    name: str
    of: str
    over: str
    empty: float = nan

    def batch(self, columns: Columns, time_us: np.ndarray) -> np.ndarray:
        a, b = columns[self.of].astype(np.float64), columns[self.over].astype(np.float64)
        return np.divide(a, b, out=np.full(len(a), float(self.empty)), where=(b != 0) & ~np.isnan(b))

    def online(self, values: Mapping[str, Any], time_us: int) -> Any:
        a, b = values[self.of], values[self.over]
        return float(self.empty) if b == 0 or math.isnan(b) else float(a) / float(b)

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        value, divisor = row[self.name], row.get(self.over, 1)
        if is_missing(value) or is_missing(divisor) or divisor == 0:
            return f"{noun_of(self.of)} has nothing to be compared with: {noun_of(self.over)} is 0 or missing"
        return f"{noun_of(self.of)} is {number_text(value)} times {noun_of(self.over)}"

    def may_be_missing(self, nullable: Set[str]) -> bool:
        return math.isnan(self.empty) or self.of in nullable

    def check_fields(self) -> None:
        super().check_fields()
        if not is_number_or_nan(self.empty):
            raise PipelineError(f"empty = {self.empty!r} must be a number, or NaN")


@dataclass(frozen=True)
class Difference(RecordWord):
    """`of` less `minus`, each a number of the record or an earlier feature."""

    sources = ("of", "minus")
    meaning = "{of} - {minus}"
    name: str
    of: str
    minus: str

    def batch(self, columns: Columns, time_us: np.ndarray) -> np.ndarray:
        return columns[self.of].astype(np.float64) - columns[self.minus]

    def online(self, values: Mapping[str, Any], time_us: int) -> Any:
        return float(values[self.of]) - float(values[self.minus])

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        value = row[self.name]
        if is_missing(value):
            return f"{noun_of(self.of)} has nothing to be compared with: {noun_of(self.minus)} is missing"
        side = "above" if value >= 0 else "below"
        return f"{noun_of(self.of)} is {number_text(abs(value))} {side} {noun_of(self.minus)}"


def check_name(field: str, value: Any) -> None:
    """Raise when the value of a field is not a name."""
    if not isinstance(value, str) or not value:
        raise PipelineError(f"{field} must be a name in quotes, not {value!r}")
