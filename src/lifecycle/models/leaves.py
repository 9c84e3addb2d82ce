"""An ensemble of trees as one flat table of its leaves: plain arrays, so that numpy alone can explain a score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Nodes(NamedTuple):
    """One binary tree; arrays of shape (nodes,), node 0 is the root and a child stands behind its parent.

    A row goes left where its value is <= `threshold`, or where it is missing and `missing_left`. `left` is -1 in a
    leaf. `cover` is how many training rows went through a node, `value` what a leaf adds to the score.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    cover: np.ndarray
    value: np.ndarray


class Leaves(NamedTuple):
    """All leaves of an ensemble. L leaves with at most D features on the way to one; unused places change nothing.

    `feature`, `low`, `high`, `missing` and `share` have shape (D, L): a leaf's d-th condition is low < value <= high,
    or a missing value where `missing`, and `share` of the training rows met it: the product of the cover ratios of its
    splits. `value` (L,) is what a leaf adds; those of tree i are first[i]..first[i + 1] - 1. `columns` is the number of
    the model's columns, `base` the score of a row of which nothing is known; `single`: the trees compare values in
    single precision. All are arrays: numpy.savez(file, **leaves._asdict()) keeps them.
    """

    feature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    share: np.ndarray
    value: np.ndarray
    first: np.ndarray
    base: np.ndarray
    columns: np.ndarray
    single: np.ndarray


def leaves_of(trees: Sequence[Nodes], columns: int, base: float, single: bool) -> Leaves:
    """Return trees as one table of leaves; the score is the sum of the trees' values and `base`.

    `Leaves.base` is this base and the mean score of the training rows by the trees' covers.
    """
    paths = [_paths(tree, columns) for tree in trees]
    depth = max(1, *(int(used.sum(axis=1).max()) for used, *_ in paths))
    order = [np.argsort(~used, axis=1, kind="stable")[:, :depth] for used, *_ in paths]  # the used columns first

    def table(field: int) -> np.ndarray:
        rows = [np.take_along_axis(path[field], own, axis=1) for path, own in zip(paths, order, strict=True)]
        return np.ascontiguousarray(np.concatenate(rows).T)

    share, value = table(4), np.concatenate([tree.value[tree.left < 0] for tree in trees])
    return Leaves(
        feature=np.ascontiguousarray(np.concatenate(order).T),
        low=table(1),
        high=table(2),
        missing=table(3),
        share=share,
        value=value,
        first=np.cumsum([0, *(len(own) for own in order)]),
        base=np.array(base + (value * share.prod(axis=0)).sum()),
        columns=np.array(columns),
        single=np.array(single),
    )


def _paths(tree: Nodes, columns: int) -> tuple[np.ndarray, ...]:
    """Return per leaf and column whether the path uses it, and the merged low, high, missing and share.

    Level by level: a child has the conditions of its parent and one more. Shape of each: (leaves, columns).
    """
    shape = (len(tree.left), columns)
    used, missing = np.zeros(shape, bool), np.ones(shape, bool)
    low, high, share = np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape)
    parents = np.zeros(int(tree.left[0] >= 0), np.int64)
    while len(parents):
        column, threshold = tree.feature[parents], tree.threshold[parents]
        for children, left in ((tree.left[parents], True), (tree.right[parents], False)):
            for path in (used, low, high, missing, share):
                path[children] = path[parents]
            used[children, column] = True
            if left:
                high[children, column] = np.minimum(high[children, column], threshold)
            else:
                low[children, column] = np.maximum(low[children, column], threshold)
            missing[children, column] &= (tree.missing_left[parents] != 0) == left
            share[children, column] *= tree.cover[children] / tree.cover[parents]
        parents = np.concatenate([tree.left[parents], tree.right[parents]])
        parents = parents[tree.left[parents] >= 0]
    return tuple(path[tree.left < 0] for path in (used, low, high, missing, share))
