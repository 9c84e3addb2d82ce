"""A stable sort, the logarithm, the logistic function and its form for several classes: the same bits everywhere."""

import math

import numpy as np

LEAST = -709.0  # below it exp(-x) is no double, and the result less than any that counts


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


def logarithm(x: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of each value, in the shape of `x`; 0 and negative values have none.

    numpy's own is another one with AVX-512, so it is the C library's, value by value.

    Examples
    --------
    >>> logarithm(np.array([[1.0, np.inf], [0.5, np.nan]])).round(3).tolist()
    [[0.0, inf], [-0.693, nan]]
    """
    values = np.asarray(x, dtype=np.float64)
    return np.array([math.log(value) for value in values.ravel().tolist()], dtype=np.float64).reshape(values.shape)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) of each value, shape (n,), the same bits on every processor.

    numpy's own exp is another one with AVX-512 and differs in the last bit, so it is the C library's, value by value.
    """
    values = [0.0 if value < LEAST else 1.0 / (1.0 + math.exp(-value)) for value in x.tolist()]
    return np.array(values, dtype=np.float64)


def softmax(x: np.ndarray) -> np.ndarray:
    """Return exp(x) of each row as shares of the row's sum, shape (n, classes), the same bits on every processor.

    Like `sigmoid` it takes the C library's exp, and it adds up from the first class to the last.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0, 1000.0], [0.0, 0.0, 0.0]])).round(3).tolist()
    [[0.0, 0.0, 1.0], [0.333, 0.333, 0.333]]
    """
    below = np.asarray(x, dtype=np.float64) - np.max(x, axis=1, keepdims=True)
    powers = np.array([math.exp(value) for value in below.ravel().tolist()]).reshape(below.shape)
    total = powers[:, :1].copy()
    for place in range(1, powers.shape[1]):
        total += powers[:, place : place + 1]
    return powers / total
