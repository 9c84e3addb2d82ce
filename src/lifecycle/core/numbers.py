"""Limits of numbers and text, a stable sort and the logistic function, the same on every machine."""

import math
import sys
from typing import Any

import numpy as np

FLOAT32 = (2 - 2**-23) * 2.0**127  # the largest: trees compare in it, so no number that is scored may be larger
YEARS = (1678, 2261)  # of times: what counts nanoseconds in 64 bits holds no others
TIMES = (-9_214_560_000_000_000, 9_214_646_400_000_000)  # these years in microseconds since 1970, without the last
EXACT = 2**53  # a float holds every whole number below; from here on it may be another, rounded
MISSING_TEXT = "\uffff"  # stands for a missing text in a model's input: no character, so no text holds it
UNREADABLE = "\u0000" + MISSING_TEXT  # what no text may hold; the first is the end of a text in C
LEAST = -709.0  # below it exp(-x) is no double, and the result less than any that counts


def is_number(value: Any) -> bool:
    """Return whether a value is a finite int or float; truth values and numpy's numbers do not survive JSON."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def is_number_or_nan(value: Any) -> bool:
    """Return whether a value is a finite number of Python's own, or NaN."""
    return is_number(value) or (type(value) is float and math.isnan(value))


def stable_argsort(keys: np.ndarray) -> np.ndarray:
    """Order non-negative integers; ties keep their places, on every CPU.

    Parameters
    ----------
    keys : numpy.ndarray of int, shape (n,)
        Non-negative.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        The order. numpy sorts 16-bit keys by radix: one pass per 16 bits takes a quarter of one 64-bit merge sort.

    Raises
    ------
    ValueError
        A key is negative.
    """
    if len(keys) and int(keys.min()) < 0:
        raise ValueError("stable_argsort takes non-negative keys")
    bits = int(keys.max()).bit_length() if len(keys) else 0
    order = np.argsort(keys.astype(np.uint16), kind="stable")  # the cast keeps the lowest 16 bits
    for shift in range(16, bits, 16):
        order = order[np.argsort((keys >> shift).astype(np.uint16)[order], kind="stable")]
    return order


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) of each value, shape (n,), the same bits on every processor.

    numpy's own exp is another one with AVX-512 and differs in the last bit, so it is the C library's, value by value.
    """
    values = [0.0 if value < LEAST else 1.0 / (1.0 + math.exp(-value)) for value in x.tolist()]
    return np.array(values, dtype=np.float64)


def none_if_nan(value: float | str) -> float | str | None:
    """Return a value as JSON can hold it: None for a number that is not defined."""
    return None if isinstance(value, float) and math.isnan(value) else value
