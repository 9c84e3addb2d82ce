"""The logistic function, with numpy and the C library alone."""

import math

import numpy as np

LEAST = -709.0  # below it exp(-x) is no double, and the result less than any that counts


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) of each value, shape (n,), the same bits on every processor.

    numpy's own exp is another one with AVX-512 and differs in the last bit, so it is the C library's, value by value.
    """
    values = [0.0 if value < LEAST else 1.0 / (1.0 + math.exp(-value)) for value in x.tolist()]
    return np.array(values, dtype=np.float64)
