"""Values from outside, each of just the type that it must have."""

import math
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(1970, 1, 1)
LARGEST = 2**63  # what arrays of 64 bits can't hold


class ColumnError(ValueError):
    """A column of a record has no legal value."""

    def __init__(self, column: str, words: str) -> None:
        super().__init__(f"column {column}: {words}")
        self.column = column


def microseconds(value: Any, column: str) -> int:
    """Return a time as microseconds since 1970: from that, a datetime, or ISO text. With a zone it is turned into UTC.

    Raises
    ------
    ColumnError
        It is no time.
    """
    if type(value) is int:
        return typed(value, column, int)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        passed = moment - EPOCH
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ColumnError(column, f"{value!r} is no time") from error
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def typed(value: Any, name: str, type_: type) -> Any:
    """Return a value of int, float or str; whole numbers may stand for a float.

    Raises
    ------
    ColumnError
        It is of another type, not finite, or does not fit 64 bits.
    """
    found = type(value)
    if found is int and type_ is not str and -LARGEST <= value < LARGEST:
        return type_(value)
    if found is type_ and (found is str or (found is float and math.isfinite(value))):
        return value
    raise ColumnError(name, f"{value!r} is no {'finite number' if type_ is float else type_.__name__}")
