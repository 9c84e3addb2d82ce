"""Read values of a row as the schema names them: numbers, texts and times."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from lifecycle.bundle.servable import Servable
from lifecycle.core.value_limits import EXACT, FLOAT32, TIMES, UNREADABLE, YEARS
from lifecycle.features.online.record_schema import LARGEST, microseconds
from lifecycle.problem.cells import OUT_OF_RANGE, ROUNDED, MisfitError, cell_reader
from lifecycle.problem.problem import Column
from lifecycle.problem.window_words import Window, features_of
from service.inputs import faults
from service.inputs.faults import said
from service.refusal import Refusal

EXAMPLE = "2026-01-31T12:30:00Z"
LEAP = "[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00"
DAYS = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"(?:[T ]{CLOCK}(?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?(?:Z|[+-]{CLOCK})?)?"
Pick = Callable[[Any], tuple[Any, ...]]
FLOAT: frozenset[type] = frozenset((float,))
NUMBER: frozenset[type] = frozenset((int, float, type(None)))
TEXT: frozenset[type] = frozenset((str, type(None)))
Check = Callable[[Any], Any]
CHARACTERS = f"^[^{UNREADABLE}]*$"
READABLE = re.compile(CHARACTERS.removesuffix("$")).fullmatch


def pattern(first: int = YEARS[0], last: int = YEARS[1]) -> str:
    """Return a regular expression for times from one year to another; JSON Schema reads it too."""
    year = f"(?:{years(first, last)})"
    return f"^(?:{year}-{DAYS}|(?={year})(?:{LEAP})-02-29){TIME}$"


def years(first: int, last: int = YEARS[1]) -> str:
    """Return a regular expression for the years from one to another, all of four digits."""
    parts = []
    while first <= last:
        size = next(size for size in (1000, 100, 10, 1) if first % size == 0 and first + size - 1 <= last)
        decade = first // size // 10 * size * 10
        stop = min(decade + 10 * size, (last + 1) // size * size)  # with another digit in the same place
        before = str(first // size // 10) if size < 1000 else ""
        low, high = first // size % 10, (stop - 1) // size % 10
        parts.append(f"{before}[{low}-{high}]{'[0-9]' * (len(str(size)) - 1)}")
        first = stop
    return "|".join(parts)


def instant(text: str) -> int:
    """Return a time in microseconds since 1970; without a zone it is UTC.

    Raises
    ------
    ValueError
        It is written otherwise.
    """
    if not ANY(text):
        raise ValueError(f"is no time such as {EXAMPLE}")
    with contextlib.suppress(ValueError):  # out of the calendar once the zone is taken off
        found = microseconds(text, "")
        if TIMES[0] <= found < TIMES[1]:
            return found
    raise ValueError(f"is {OUT_OF_RANGE}")


ANY = re.compile(pattern(1000, 9999).removesuffix("$")).fullmatch  # a $ would let a line end pass


@dataclass(frozen=True)
class Form:
    """The features of a model.

    Parameters
    ----------
    features, numbers, texts : tuple of str
        As in the servable; `names` holds all of them, `missing` those that may be missing.
    marks : frozenset of str
        What tells a raw transaction from a row of features: the columns of its key and its time; where nothing is
        remembered of records, any column that is no feature.
    made : frozenset of str
        Where nothing is remembered of records: the features that are no columns. A transaction has none of them.
    numbers_at, texts_at, numbers_of, texts_of : callable
        Take the numbers and the texts out of a list in the order of the features, and out of a mapping.
    may_miss : numpy.ndarray
        For each number whether it may be missing, shape (k,).
    """

    features: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    names: frozenset[str]
    missing: frozenset[str]
    marks: frozenset[str]
    made: frozenset[str]
    width: int
    numbers_at: Pick
    texts_at: Pick
    numbers_of: Pick
    texts_of: Pick
    may_miss: np.ndarray


@lru_cache(maxsize=1)  # one: a model that was swapped out must not be kept
def form_of(servable: Servable) -> Form:
    """Return the form of a model's rows, made when it is first asked for."""
    features, numbers, texts = servable.features, servable.numbers, servable.texts
    marks, made = _marks(servable)
    return Form(
        features,
        numbers,
        texts,
        names=frozenset(features),
        missing=servable.missing,
        marks=marks,
        made=made,
        width=len(features),
        numbers_at=_picker([features.index(name) for name in numbers]),
        texts_at=_picker([features.index(name) for name in texts]),
        numbers_of=_picker(numbers),
        texts_of=_picker(texts),
        may_miss=np.array([name in servable.missing for name in numbers], bool),
    )


def _marks(servable: Servable) -> tuple[frozenset[str], frozenset[str]]:
    """Return `marks` and `made` of a model's form."""
    schema, features = servable.schema, frozenset(servable.features)
    identity = frozenset((schema["key"], schema["time"])) - {None}
    if any(isinstance(word, Window) for word in features_of(servable.contract["declaration"])):
        return identity, frozenset()
    columns = frozenset(column["name"] for column in schema["columns"])
    return (columns | set(schema.get("ignored", ()))) - features | identity, features - columns


def _picker(keys: Sequence[Any]) -> Pick:
    """Return what takes values out by key, always a tuple: `itemgetter` gives a bare value for one key."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda row: tuple(row[key] for key in keys)


def matrix(form: Form, rows: Sequence[Sequence[Any]]) -> np.ndarray:
    """Return the numbers of rows, float64, NaN where one is missing."""
    kinds = set(map(type, chain.from_iterable(rows)))
    if kinds == FLOAT:
        return in_range(form, np.array(rows))  # numpy is faster when it finds the type itself
    if not kinds <= NUMBER:
        _refuse_type(rows, form.numbers, NUMBER, "a number")
    try:
        found = np.array(rows, np.float64)
    except OverflowError:  # a whole number that not even a float64 holds; what is left of it is still too large
        found = np.array([[value and max(-1e300, min(1e300, value)) for value in row] for row in rows], np.float64)
    return in_range(form, found)


def in_range(form: Form, found: np.ndarray) -> np.ndarray:
    """Return a matrix of numbers as it is, when each is finite, fits a float32, and is missing only where it may be."""
    if np.vdot(found, found) <= FLOAT32**2:  # then none is larger, and none is NaN
        return found
    good = (np.abs(found) <= FLOAT32) | (np.isnan(found) & form.may_miss)
    if good.all():
        return found
    row, column = np.argwhere(~good)[0]
    name = form.numbers[column]
    if np.isnan(found[row, column]):
        message = f"row {row}: {name!r} is missing, and no row that the model learned from lacked it"
        raise Refusal(422, "missing_value", message, name)
    raise Refusal(422, "out_of_range", f"row {row}: {name!r} is not between -{FLOAT32:.4g} and {FLOAT32:.4g}", name)


def texts(form: Form, rows: Sequence[Sequence[Any]]) -> np.ndarray:
    """Return the texts of rows as objects, None where one is missing."""
    if not TEXT.issuperset(map(type, chain.from_iterable(rows))):
        _refuse_type(rows, form.texts, TEXT, "text")
    for i, row in enumerate(rows):
        for name, value in zip(form.texts, row, strict=True):
            if value is None and name not in form.missing:
                message = f"row {i}: {name!r} is missing, and no row that the model learned from lacked it"
                raise Refusal(422, "missing_value", message, name)
            if value is not None and not READABLE(value):
                raise Refusal(422, "out_of_range", f"row {i}: {name!r} holds what is no character", name)
    found = np.empty((len(rows), len(form.texts)), object)
    found[:] = rows
    return found


def _refuse_type(rows: Sequence[Sequence[Any]], names: Sequence[str], kinds: frozenset[type], wanted: str) -> None:
    for i, row in enumerate(rows):
        for name, value in zip(names, row, strict=True):
            if type(value) not in kinds:
                raise faults.wrong_type(f"row {i}: {name!r}", value, wanted, name)


def checker(column: Mapping[str, Any]) -> Check:
    """Return the function that holds a value against a column, and returns it as the online features take it.

    Parameters
    ----------
    column : mapping
        An entry of `columns` in the bundle's schema.json.

    Returns
    -------
    callable
        Gives an int, a float, text, microseconds since 1970, or None; raises ValueError with what is wrong.
    """
    unit, legal = column.get("since_1970"), column.get("isin")
    typed = partial(_since_1970, cell_reader(Column("", "timestamp", ""), unit)) if unit else TYPES[column["type"]]
    limits, fits = _limits(column), _decimals(column.get("decimals"))

    def check(value: Any) -> Any:
        if value is None:
            if column.get("nullable"):
                return None
            raise ValueError("must not be null")
        found = typed(value)
        if legal is not None and found not in legal:
            raise ValueError(f"must be one of {', '.join(map(str, legal))}")
        limits(found)
        fits(found)
        return found

    return check


def _integer(value: Any) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise ValueError(f"is {said(value)}; it must be a whole number")
    if not -LARGEST <= value < LARGEST:
        raise ValueError("does not fit 64 bits")
    return value


def _number(value: Any) -> float:
    if type(value) is not int and type(value) is not float:
        raise ValueError(f"is {said(value)}; it must be a number")
    if not -FLOAT32 <= value <= FLOAT32:
        raise ValueError(f"is not between -{FLOAT32:.4g} and {FLOAT32:.4g}")
    return float(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"is {said(value)}; it must be text")
    if not READABLE(value):
        raise ValueError("holds what is no character")
    return value


def _timestamp(value: Any) -> int:
    if type(value) is not str:
        raise ValueError(f"is {said(value)}; it must be a time such as {EXAMPLE}")
    return instant(value)


def _since_1970(read: Check, value: Any) -> int:
    """Return a number since 1970 in microseconds; cells of CSV are text."""
    if type(value) not in (int, float, str):
        raise ValueError(f"is {said(value)}; it must be a number")
    if type(value) is float and abs(value) >= EXACT:
        raise ValueError(f"is {ROUNDED}")
    try:
        return int(read(value if type(value) is str else repr(value)))
    except MisfitError as misfit:
        raise ValueError(f"is {misfit}") from misfit


def _limits(column: Mapping[str, Any]) -> Check:
    ends = [column.get("ge"), column.get("le")]
    low, high = (microseconds(v, "") if type(v) is str and column["type"] == "timestamp" else v for v in ends)

    def check(value: Any) -> None:
        if low is not None and value < low:
            raise ValueError(f"is below {ends[0]}")
        if high is not None and value > high:
            raise ValueError(f"is above {ends[1]}")

    return check


def _decimals(places: int | None) -> Check:
    def check(value: Any) -> None:
        if places is None:
            return
        units = value * 10.0**places
        noise = 1e-6 + 1e-15 * abs(units)  # 0.1 + 0.2 has one decimal
        if abs(units - round(units)) > noise or (type(value) is float and abs(units) > EXACT):
            raise ValueError(f"has more than {places} decimals")

    return check


TYPES: Mapping[str, Check] = {"integer": _integer, "number": _number, "text": _text, "timestamp": _timestamp}
