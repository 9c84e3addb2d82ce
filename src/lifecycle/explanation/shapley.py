"""Shapley values of an ensemble of trees, exact, with numpy alone.

The game (Lundberg et al. 2020, path-dependent TreeSHAP): a known feature sends a row down its own side of a split, an
unknown one down both, by the training rows that went there. So a leaf is worth its value times a product over the
features on its path: of 0 or 1 where the feature is known, of the share of the training rows where it is not.
"""

import numpy as np

from lifecycle.models.leaves import Leaves

BLOCK = 1 << 14  # leaves times rows at a time: the arrays of one block stay in the processor's cache
FEW_ROWS = 4  # up to so many rows, all trees are taken at once
MOST_CODES = 2**62  # combinations of intervals that fit one integer


def contributions(leaves: Leaves, X: np.ndarray) -> np.ndarray:
    """Return what each column adds to the score of each row, beside `leaves.base`.

    Parameters
    ----------
    leaves : Leaves
        The ensemble.
    X : numpy.ndarray of float, shape (n, columns)
        The ensemble's input. NaN is a missing value.

    Returns
    -------
    numpy.ndarray of float, shape (n, columns)
    """
    values = X.astype(np.float32).astype(np.float64) if leaves.single else X
    if len(values) <= FEW_ROWS:
        return _of_leaves(leaves, slice(None), values)
    total = np.zeros(values.shape)
    for start, stop in zip(leaves.first[:-1], leaves.first[1:], strict=True):
        tree = slice(start, stop)
        example, cell = _cells(leaves, tree, values)
        step = max(1, BLOCK // int(stop - start))
        parts = [_of_leaves(leaves, tree, values[example[i : i + step]]) for i in range(0, len(example), step)]
        total += np.concatenate(parts)[cell]
    return total


def _of_leaves(leaves: Leaves, part: slice, values: np.ndarray) -> np.ndarray:
    """Return the contributions of some leaves.

    With the multilinear extension (Owen 1972) the Shapley value of feature i in a product of p_k, 1 or 0 where k is
    known and s_k where it is not, is (p_i - s_i) times the integral over t in 0..1 of the product over k other than i
    of t p_k + (1 - t) s_k: a polynomial of degree D - 1, which D / 2 Gauss-Legendre points integrate exactly.
    """
    feature, share = leaves.feature[:, part], leaves.share[:, part, None]
    inside = _inside(leaves, part, values.T[feature])
    depth = len(feature)
    total, before = np.zeros(inside.shape), np.empty(inside.shape)
    for point, weight in zip(*_gauss_legendre(depth), strict=True):
        outside_factor = (1 - point) * share
        factor = np.where(inside, outside_factor + point, outside_factor)
        before[0] = weight
        for d in range(1, depth):
            np.multiply(before[d - 1], factor[d - 1], out=before[d])
        behind = np.ones(inside.shape[1:])
        for d in reversed(range(depth)):
            total[d] += before[d] * behind
            behind *= factor[d]
    total *= (inside - share) * leaves.value[part, None]
    rows, columns = values.shape
    place = feature[:, :, None] * np.int64(rows) + np.arange(rows)
    return np.bincount(place.ravel(), total.ravel(), columns * rows).reshape(columns, rows).T


def _inside(leaves: Leaves, part: slice, values: np.ndarray) -> np.ndarray:
    """Return whether each value meets the condition that a leaf has on it. Shape (D, leaves, rows)."""
    inside = (values > leaves.low[:, part, None]) & (values <= leaves.high[:, part, None])
    unknown = np.isnan(values)
    return np.where(unknown, leaves.missing[:, part, None], inside) if unknown.any() else inside


def _gauss_legendre(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights on 0..1 that integrate a polynomial of degree `degree` - 1 exactly."""
    points, weights = np.polynomial.legendre.leggauss((degree + 1) // 2)
    return (points + 1) / 2, weights / 2


def _cells(leaves: Leaves, tree: slice, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group rows that reach the same leaves of a tree: return one row's place for each group, and each row's group."""
    code, span = np.zeros(len(values), np.int64), 1
    tables = (leaves.feature, leaves.low, leaves.high, leaves.missing)
    feature, low, high, missing = (table[:, tree].ravel() for table in tables)
    for column in range(values.shape[1]):
        used = feature == column
        limits = np.concatenate([low[used], high[used]])
        limits = np.unique(limits[np.isfinite(limits)])
        intervals = len(limits) + 2  # one of them for missing values
        if len(limits) == 0 and missing[used].all():  # some splits part missing values from all others
            continue
        if span > MOST_CODES // intervals:
            code = np.unique(code, return_inverse=True)[1]
            span = len(values)
        place = np.searchsorted(limits, values[:, column])
        code = code * intervals + np.where(np.isnan(values[:, column]), intervals - 1, place)
        span *= intervals
    _, example, cell = np.unique(code, return_index=True, return_inverse=True)
    return example, cell
