"""What one cell may be: text is read as an integer, a number or a time, exactly or not at all, with the reason."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from lifecycle.core.value_limits import EXACT, TIMES, YEARS
from lifecycle.problem.problem import Column

GAPS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")  # no value, in a column that is not text
TRUTH = {"True": 1, "False": 0, "true": 1, "false": 0, "TRUE": 1, "FALSE": 0}
NANOSECONDS = {
    "d": 86_400 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}  # of the units that a column of times may have

WHOLE = r"[+-]?[0-9]+"
NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?"
ZONE = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
MOMENT = re.compile(
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
    rf"(?:[T ]([0-9]{{2}})(?:(:?)([0-9]{{2}})(?:\6([0-9]{{2}})(?:[.,]([0-9]{{1,9}}))?)?)?({ZONE})?)?"
)
MANY = 20  # digits: more than 64 bits hold; what has more is not multiplied out

OUT_OF_RANGE = f"not between the years {YEARS[0]} and {YEARS[1]}"
TOO_FINE = "finer than a microsecond"
TOO_LONG = "a whole number that no float holds exactly"
ROUNDED = "a float of 2**53 or more, which may have been rounded"
TOO_LARGE = "too large for an integer that may be missing"


class MisfitError(ValueError):
    """A cell that has no exact value of its column's type; the message is the reason."""


def cell_reader(column: Column, unit: str | None) -> Callable[[str], Any]:
    """Return what reads a cell of a column: an int, a float, or microseconds since 1970; it raises a MisfitError.

    Parameters
    ----------
    column : Column
        Its contract, of any type but text.
    unit : str, optional
        Of times that are numbers since 1970; without it they are ISO 8601.

    Examples
    --------
    >>> cell_reader(Column("opened", "timestamp", "of the account"), None)("1970-01-02T01:00:00+01:00")
    86400000000
    """
    if column.type == "timestamp":
        return _time if unit is None else lambda cell: _since_1970(cell, unit)
    if column.type == "number":
        return _number
    return _nullable_integer if column.nullable else _integer


def _integer(cell: str) -> int:
    if cell in TRUTH:
        return TRUTH[cell]
    number = Decimal(cell) if re.fullmatch(NUMBER, cell) else None
    if number is None or (number and abs(number.adjusted()) > MANY):
        raise MisfitError("not of type integer")
    exact = Fraction(number)  # as a float, 635240769435608.94 would be whole
    if exact.denominator > 1 or not -(2**63) <= exact < 2**63:
        raise MisfitError("not of type integer")
    return int(exact)


def _nullable_integer(cell: str) -> int:
    value = _integer(cell)
    if not -EXACT < value < EXACT:
        raise MisfitError(TOO_LARGE)
    return value


def _number(cell: str) -> float:
    if cell in TRUTH:
        return float(TRUTH[cell])
    if not re.fullmatch(NUMBER, cell) or not abs(value := float(cell)) < np.inf:
        raise MisfitError("not of type number")
    if re.fullmatch(WHOLE, cell) and Decimal(value) != Decimal(cell):
        raise MisfitError(TOO_LONG)
    return value


def _time(cell: str) -> int:
    """Return an ISO 8601 time in microseconds since 1970; without a zone it is UTC."""
    match = MOMENT.fullmatch(cell)
    if match is None:
        raise MisfitError("not of type timestamp")
    year, _, month, day, hour, _, minute, second, fraction, zone = match.groups()
    try:
        numbers = [int(part or 0) for part in (year, month, day, hour, minute, second)]
        elapsed = datetime(*numbers) - datetime(1970, 1, 1)  # type: ignore[arg-type]
        shift = _shift(zone or "Z")
    except ValueError as error:  # no such day, or no such hour
        raise MisfitError("not of type timestamp") from error
    nanoseconds = int((fraction or "").ljust(9, "0"))
    if nanoseconds % 1000:
        raise MisfitError(TOO_FINE)
    return _in_range((elapsed - shift) // timedelta(microseconds=1) + nanoseconds // 1000)


def _shift(zone: str) -> timedelta:
    """Return how far a zone such as +02:00 is ahead of UTC."""
    if zone == "Z":
        return timedelta()
    digits = zone.replace(":", "")
    hours, minutes = int(digits[1:3]), int(digits[3:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"no such zone: {zone}")
    shift = timedelta(hours=hours, minutes=minutes)
    return -shift if zone[0] == "-" else shift


def _since_1970(cell: str, unit: str) -> int:
    """Return a number of units since 1970 in microseconds."""
    if not re.fullmatch(NUMBER, cell):
        raise MisfitError("not of type timestamp")
    number = Decimal(cell)
    if number and abs(size := number.adjusted()) > MANY:
        raise MisfitError(OUT_OF_RANGE if size > 0 else TOO_FINE)
    microseconds = Fraction(number) * NANOSECONDS[unit] / 1000
    if microseconds.denominator > 1:
        raise MisfitError(TOO_FINE)
    return _in_range(int(microseconds))


def _in_range(microseconds: int) -> int:
    if not TIMES[0] <= microseconds < TIMES[1]:
        raise MisfitError(OUT_OF_RANGE)
    return microseconds
