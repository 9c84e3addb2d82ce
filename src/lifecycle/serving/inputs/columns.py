"""The columns of the data contract, each as a function that checks one value out of JSON."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lifecycle.features.online.typed import LARGEST, microseconds
from lifecycle.limits import EXACT, FLOAT32, UNREADABLE
from lifecycle.serving.inputs.faults import said
from lifecycle.serving.inputs.times import EXAMPLE, instant

Check = Callable[[Any], Any]
CHARACTERS = f"^[^{UNREADABLE}]*$"
READABLE = re.compile(CHARACTERS.removesuffix("$")).fullmatch


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
    typed, legal = TYPES[column["type"]], column.get("isin")
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
