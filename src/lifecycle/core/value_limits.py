"""What numbers and texts may be: limits that the contract, the model and the service share."""

import math
import sys
from typing import Any

FLOAT32 = (2 - 2**-23) * 2.0**127  # the largest: trees compare in it, so no number that is scored may be larger
YEARS = (1678, 2261)  # of times: what counts nanoseconds in 64 bits holds no others
TIMES = (-9_214_560_000_000_000, 9_214_646_400_000_000)  # these years in microseconds since 1970, without the last
EXACT = 2**53  # a float holds every whole number below; from here on it may be another, rounded
MISSING_TEXT = "\uffff"  # stands for a missing text in a model's input: no character, so no text holds it
UNREADABLE = "\u0000" + MISSING_TEXT  # what no text may hold; the first is the end of a text in C


def is_number(value: Any) -> bool:
    """Return whether a value is a finite int or float; truth values and numpy's numbers do not survive JSON."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def is_number_or_nan(value: Any) -> bool:
    """Return whether a value is a finite number of Python's own, or NaN."""
    return is_number(value) or (type(value) is float and math.isnan(value))


def none_if_nan(value: float | str) -> float | str | None:
    """Return a value as JSON can hold it: None for a number that is not defined."""
    return None if isinstance(value, float) and math.isnan(value) else value
