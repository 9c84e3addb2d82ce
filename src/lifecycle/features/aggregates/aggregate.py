"""The base class of the aggregates: the forms, texts and checks that each provides."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any, ClassVar

import numpy as np

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates.block import Block
from lifecycle.features.aggregates.track import Track
from lifecycle.problem.plain_text import column_noun, days_text, is_missing, number_text
from lifecycle.problem.window_words import Window


class Aggregate(ABC):
    """One length of a window in three forms: for arrays, for one record on kept state, and as a plain definition.

    The state of the online form is a `Track`: the entity's records that meet the window's conditions, in time order.
    `keeps` names what the track holds of the aggregated column; `Track` updates it as records come, change and go. Its
    size is bounded by the records of the longest window: `1 + len(keeps)` numbers each.

    Parameters
    ----------
    window : Window
        The declaration.
    days : float
        One of its lengths.

    Attributes
    ----------
    known : dict of str to type
        All aggregates by name; a class enters it when it is defined with a name.
    needs : {"none", "any", "number", "exact", "flag"}
        What is aggregated: nothing but the records, any column, a number, an exact number (one with `decimals`), or a
        0/1 column.
    keeps : tuple of {"values", "sums", "squares"}
        What a track keeps of the aggregated column: the values, running totals, and totals of squares.
    dtype, unit : str
        Of the column that it makes: "float64" or "int32"; no unit means that of the aggregated column.
    default, empty : float
        The value where nothing is covered, by default and as the window says. The default of an int32 is 0; None means
        the age of the window's old end.
    meaning, empty_case : str
        What it is and when it is `empty`, for the catalogue.
    noun, says, says_empty : str
        What it is as part of a sentence; the sentence about a value, and the one about `empty` where there is one.
    name, of : str
        The column that it makes, and the aggregated column.
    """

    known: ClassVar[dict[str, type["Aggregate"]]] = {}
    needs: ClassVar[str]
    keeps: ClassVar[tuple[str, ...]] = ()
    dtype: ClassVar[str] = "float64"
    unit: ClassVar[str | None] = None
    default: ClassVar[float | None] = nan
    meaning: ClassVar[str]
    empty_case: ClassVar[str] = "there is none"
    noun: ClassVar[str]
    says: ClassVar[str] = "{whose}'s {noun}{those} {span} is {value}"
    says_empty: ClassVar[str | None] = None

    def __init_subclass__(cls, name: str | None = None) -> None:
        if name is not None:
            Aggregate.known[name] = cls

    def __init__(self, window: Window, days: float) -> None:
        own = days + window.delay_days if self.default is None else self.default
        self.empty = own if window.empty is None else window.empty
        self.window, self.days, self.of = window, days, str(window.of)
        self.name = window.column(days)

    @abstractmethod
    def batch(self, block: Block) -> np.ndarray:
        """Return the value for each record of a block."""

    @abstractmethod
    def online(self, track: Track, low: int, high: int, time: int) -> float:
        """Return the value for a record of that time whose window covers positions low to high (not included)."""

    @abstractmethod
    def by_definition(self, covered: Sequence[tuple[int, Any]], time: int) -> float:
        """Return the value from the covered records' (time, value), oldest first: what the other two agree with."""

    @classmethod
    def check(cls, window: Window) -> None:
        """Raise when a window declares what this aggregate can't be, and name the field."""
        if (window.of is None) != (cls.needs == "none"):
            without = "; ".join(sorted(name for name, other in cls.known.items() if other.needs == "none"))
            raise PipelineError(f"a column `of` is needed by every aggregate but these, which take none: {without}")
        if window.empty is not None and cls.dtype == "int32":
            raise PipelineError(f"`{window.aggregate}` is 0 where a window covers nothing; leave `empty` out")

    def definition(self) -> str:
        """Return what the column is, for the catalogue."""
        window = self.window
        conditions = " and ".join(condition.definition() for condition in window.where)
        age = f", {window.delay_days:g} days old or older" if window.is_delayed else ""
        without = "" if window.delay_days or window.current else ", without this one"
        without = ", of earlier times" if window.delay_days and not window.is_delayed else without
        empty = f"; {self.empty:g} where {self.empty_case}" if self.dtype == "float64" else ""
        records = f"{self.meaning.format(of=window.of)} of this {window.by}{age}"
        return f"{records}{f' where {conditions}' if conditions else ''}, over {self.days:g} days{without}{empty}"

    def noun_phrase(self) -> str:
        """Return what the column holds, as a noun: this customer's median amount in the last 60 days."""
        return "{whose}'s {noun}{those} {span}".format(**self._parts())

    def sentence(self, row: Mapping[str, Any], noun_of: Callable[[str], str]) -> str:
        """Return what the column says of a record, for the reasons of a score; see `RecordWord.sentence`."""
        value, parts = row[self.name], self._parts()
        if is_missing(value):
            return "{whose} has no {noun}{those} {span}".format(**parts)
        if self.says_empty is not None and value == self.empty:
            return self.says_empty.format(**parts)
        shown = number_text(value)
        records = {"0": "no record", "1": "1 record"}.get(shown, f"{shown} records")
        return self.says.format(**parts, value=shown, percent=number_text(100 * value), records=records)

    def _parts(self) -> dict[str, str]:
        """Return the parts of a sentence that follow from the declaration."""
        window, length = self.window, days_text(self.days)
        of, delay = column_noun(self.of), f"up to {days_text(window.delay_days)} ago"
        conditions = " and ".join(condition.phrase() for condition in window.where)
        return {
            "whose": f"this {column_noun(window.by)}",
            "of": of,
            "noun": self.noun.format(of=of),
            "those": f" with {conditions}" if conditions else "",
            "span": f"in the {length} {delay}" if window.is_delayed else f"in the last {length.removeprefix('1 ')}",
            "before": f", {delay}" if window.is_delayed else "",
        }
