"""The feature word `Window`, an aggregate over earlier records; and functions on whole feature lists."""

import dataclasses
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast, get_args

from lifecycle.core.errors import PipelineError
from lifecycle.core.value_limits import EXACT, is_number, is_number_or_nan
from lifecycle.problem.plain_text import column_noun, number_text
from lifecycle.problem.record_words import DAY_US, Raw, RecordWord, check_name

AT_ONCE = 1 / DAY_US  # the least delay, in days: a label is known at once, but not to records of the same time
MOST_DAYS = 36_525  # a century: microseconds of it, and sums of a few, fit 64 bits
NAN = "NaN"


class Operator(NamedTuple):
    """An operator of a condition: its function, and its words in a definition and in the reasons of a score."""

    function: Callable[[Any, Any], Any]
    definition: str
    phrase: str


COMPARISONS = {
    "==": Operator(operator.eq, "{} is {}", "{} {}"),
    "!=": Operator(operator.ne, "{} is not {}", "{} other than {}"),
    "<=": Operator(operator.le, "{} is at most {}", "{} at most {}"),
    ">=": Operator(operator.ge, "{} is at least {}", "{} at least {}"),
}


@dataclass(frozen=True)
class Where:
    """A condition on the records that a window covers: `column` is "==", "!=", "<=" or ">=" `value`."""

    column: str
    is_: str
    value: float | str

    def holds(self, values: Any) -> Any:
        """Return whether one value, or each in an array, meets the condition."""
        return COMPARISONS[self.is_].function(values, self.value)

    def definition(self) -> str:
        """Return the condition, for the catalogue."""
        return COMPARISONS[self.is_].definition.format(self.column, self.value)

    def phrase(self) -> str:
        """Return the condition as part of a sentence; a flag needs no number.

        Examples
        --------
        >>> Where("is_late", "==", 0).phrase(), Where("amount", ">=", 9.0).phrase()
        ('no late', 'amount at least 9')
        """
        noun = column_noun(self.column)
        if self.column.startswith("is_") and self.is_ == "==" and self.value in (0, 1):
            return noun if self.value else f"no {noun}"
        return COMPARISONS[self.is_].phrase.format(noun, number_text(self.value, exact=True))

    def check_fields(self) -> None:
        """Raise when a field has no legal value; see `RecordWord.check_fields`."""
        check_name("where: a column", self.column)
        if not isinstance(self.is_, str) or self.is_ not in COMPARISONS:
            raise PipelineError(f"unknown comparison {self.is_!r}; known: {', '.join(COMPARISONS)}")
        # Beyond that an array of whole numbers and Python compare in different ways.
        if not isinstance(self.value, str) and not (is_number(self.value) and abs(self.value) < EXACT):
            raise PipelineError(f"{self.value!r} can't be compared with {self.column!r}: text, or a number below 2**53")


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
        The name of a class in lifecycle/features/aggregates.
    by : str
        The entity column.
    of : str, optional
        The column, or an earlier feature, to aggregate; none for an aggregate of the records themselves, as `count`.
    days : tuple of float
        Window lengths.
    delay_days : float
        Age of the youngest record covered. At least the label delay where `of` or `where` is known late; where that is
        0, only records of an earlier time are covered (a problem makes it `AT_ONCE`).
    where : tuple of Where
        Only records that meet all of these are covered. May name columns and earlier features.
    current : bool
        Whether a window without delay covers the record itself.
    empty : float, optional
        The value where nothing is covered; by default the aggregate's own. Not for an aggregate that counts: that is 0.
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
        """Names of the columns that this feature makes."""
        return tuple(self.column(days) for days in self.days)

    @property
    def reads(self) -> tuple[str, ...]:
        """The entity column, what is aggregated, and what the conditions ask for."""
        return (self.by, *((self.of,) if self.of else ()), *(w.column for w in self.where))

    def column(self, days: float) -> str:
        """Return the name of the column of one window length."""
        return f"{self.name}_{days:g}d"

    @property
    def sees(self) -> tuple[str, ...]:
        """What is read of other records than this one."""
        return self.reads[1:]

    @property
    def is_delayed(self) -> bool:
        """Whether there is an age that records must have, other than that of being earlier."""
        return self.delay_days > AT_ONCE

    @property
    def age_us(self) -> int:
        """Age of the youngest record covered, microseconds."""
        return round(self.delay_days * DAY_US)

    @property
    def reach_us(self) -> int:
        """How far back the longest window looks, microseconds."""
        return round((self.delay_days + max(self.days)) * DAY_US)

    def check_fields(self) -> None:
        """Raise when a field has no legal value, whatever the aggregate says; see `RecordWord.check_fields`."""
        for field in ("name", "by", *(() if self.of is None else ("of",))):
            check_name(field, getattr(self, field))
        if type(self.current) is not bool:
            raise PipelineError(f"current = {self.current!r} must be True or False")
        self._check_lengths()
        if self.empty is not None and not is_number_or_nan(self.empty):
            raise PipelineError(f"empty = {self.empty!r} must be a number, NaN, or None for the aggregate's own")
        if not isinstance(self.where, tuple) or not all(isinstance(condition, Where) for condition in self.where):
            raise PipelineError(
                f"where = {self.where!r} must be a tuple of conditions, like (Where('amount', '>=', 9),)"
            )
        for condition in self.where:
            condition.check_fields()

    def _check_lengths(self) -> None:
        days = self.days
        if not isinstance(days, tuple) or not days or not all(is_number(value) and value > 0 for value in days):
            raise PipelineError(f"days must be positive, like (1, 7), not {days!r}")
        if not is_number(self.delay_days) or self.delay_days < 0:
            raise PipelineError(f"delay_days must not be negative, and a number, not {self.delay_days!r}")
        for value in (*days, *filter(None, [self.delay_days])):
            if value > MOST_DAYS or not round(value * DAY_US):
                raise PipelineError(f"days and delay_days of {value!r}: at least a microsecond, at most {MOST_DAYS}")


Feature = RecordWord | Window


def known_words() -> dict[str, type[Any]]:
    """Return every feature word by its class name."""
    return RecordWord.known | {"Window": Window}


def computed_names(features: Iterable[Feature]) -> list[str]:
    """Return the columns that a list computes: those of all features but `Raw`."""
    return [name for feature in features if not isinstance(feature, Raw) for name in feature.names]


def computed_words(features: Iterable[Feature]) -> list[RecordWord]:
    """Return the features of the record alone that are no columns of it: all words but `Raw` and `Window`."""
    return [feature for feature in features if isinstance(feature, RecordWord) and not isinstance(feature, Raw)]


def with_sources(features: Sequence[Feature], names: Iterable[str]) -> set[str]:
    """Return column names, and all that these features make them from.

    Examples
    --------
    >>> sorted(with_sources((Raw("amount"), Window("n", "max", by="shop", of="amount", days=(7,))), ["n_7d"]))
    ['amount', 'n_7d', 'shop']
    """
    needed = set(names)
    for feature in reversed(features):
        if not needed.isdisjoint(feature.names):
            needed |= set(feature.reads)
    return needed


def depths(features: Sequence[Feature]) -> dict[str, int]:
    """Return, by column name, how many windows stand on each other's results below it.

    A window is one deeper than what it reads of other records: that must be known for all records before the window
    can be evaluated. A feature of the record alone is as deep as what it is made of.

    Examples
    --------
    >>> count = Window("n", "count", by="customer", days=(7,))
    >>> depths((Raw("amount"), count, Window("most", "max", by="shop", of="n_7d", days=(1,))))
    {'amount': 0, 'n_7d': 1, 'most_1d': 2}
    """
    below: dict[str, int] = {}
    for feature in features:
        columns = feature.sees if isinstance(feature, Window) else feature.reads
        deepest = max((below.get(name, 0) for name in columns), default=0)
        below |= dict.fromkeys(feature.names, deepest + isinstance(feature, Window))
    return below


def declaration_of(feature: Feature) -> dict[str, Any]:
    """Return a feature's declaration as JSON can hold it; NaN becomes text."""
    fields = {"word": type(feature).__name__} | dataclasses.asdict(cast(Any, feature))
    return {name: NAN if isinstance(value, float) and math.isnan(value) else value for name, value in fields.items()}


def features_of(declaration: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Return the features that `declaration_of` described.

    Raises
    ------
    PipelineError
        The declaration has a word that this code does not know: newer code made it.
    """
    return tuple(_feature(dict(fields)) for fields in declaration)


def _feature(fields: dict[str, Any]) -> Feature:
    name = fields.pop("word")
    if name not in known_words():
        raise PipelineError(f"unknown feature word {name!r}; known: {', '.join(known_words())}")
    word = known_words()[name]
    for field in dataclasses.fields(word):
        value = fields.get(field.name)
        if isinstance(value, list | tuple):
            fields[field.name] = tuple(Where(**item) if isinstance(item, dict) else item for item in value)
        elif value == NAN and float in (field.type, *get_args(field.type)):
            fields[field.name] = math.nan
    feature: Feature = word(**fields)
    return feature
