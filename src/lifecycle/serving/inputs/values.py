"""The values of rows: numbers that the model can take, and texts."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from lifecycle.limits import FLOAT32
from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.inputs.columns import READABLE
from lifecycle.serving.inputs.form import Form

FLOAT: frozenset[type] = frozenset((float,))
NUMBER: frozenset[type] = frozenset((int, float, type(None)))
TEXT: frozenset[type] = frozenset((str, type(None)))


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
