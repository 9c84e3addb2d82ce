"""Contributions of trees, against the definition of the Shapley value over all subsets of features."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.explanation import shapley
from lifecycle.models.leaves import Leaves, Nodes, leaves_of
from tests.helpers_model import quick

COLUMNS = 4


def grown(rng, depth):
    """Return a random tree of at most that depth; thresholds are few, so features and limits repeat on a path."""
    nodes = []

    def add(left, cover):
        place = len(nodes)
        nodes.append([-1, -1, -2, -2.0, 0, cover, rng.normal()])
        if left and cover > 1 and rng.random() < 0.85:
            share = int(rng.integers(1, cover))
            at = rng.choice([0.0, 1.0, 2.0, 3.0, math.inf])  # infinity: only what is missing is told apart
            nodes[place][2:5] = [int(rng.integers(COLUMNS)), float(at), int(rng.integers(2))]
            nodes[place][0], nodes[place][1] = add(left - 1, share), add(left - 1, cover - share)
        return place

    add(depth, 1_000)
    return Nodes(*(np.array(column) for column in zip(*nodes, strict=True)))


def worth(tree, row, known, node=0):
    """Return a tree's mean for a row of which some features are known (Lundberg et al. 2020, algorithm 1)."""
    left, right, asked = tree.left[node], tree.right[node], tree.feature[node]
    if left < 0:
        return tree.value[node]
    if asked in known:
        goes_left = tree.missing_left[node] == 1 if np.isnan(row[asked]) else row[asked] <= tree.threshold[node]
        return worth(tree, row, known, left if goes_left else right)
    both = [tree.cover[child] * worth(tree, row, known, child) for child in (left, right)]
    return sum(both) / tree.cover[node]


def by_definition(tree, row):
    """Return the Shapley value of each feature: its gain, averaged over all orders in which features become known."""
    found = np.zeros(COLUMNS)
    for feature in range(COLUMNS):
        others = [other for other in range(COLUMNS) if other != feature]
        for size in range(COLUMNS):
            weight = math.factorial(size) * math.factorial(COLUMNS - size - 1) / math.factorial(COLUMNS)
            for known in itertools.combinations(others, size):
                gain = worth(tree, row, {*known, feature}) - worth(tree, row, set(known))
                found[feature] += weight * gain
    return found


def rows_of(rng, rows):
    """Return values that often lie on a threshold, some of them missing."""
    values = rng.integers(0, 8, (rows, COLUMNS)) / 2
    return np.where(rng.random(values.shape) < 0.15, np.nan, values)


@quick
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(0, 6), rows=st.integers(1, 7))
def test_contributions_are_shapley_values_by_their_definition(seed, depth, rows):
    rng = np.random.default_rng(seed)
    trees, X = [grown(rng, depth) for _ in range(2)], rows_of(rng, rows)
    table = leaves_of(trees, COLUMNS, 0.5, single=True)
    expected = [sum(by_definition(tree, row) for tree in trees) for row in X]
    np.testing.assert_allclose(shapley.contributions(table, X), expected, rtol=0, atol=1e-12)
    assert float(table.base) == pytest.approx(0.5 + sum(worth(tree, X[0], set()) for tree in trees), abs=1e-12)


def test_many_rows_are_explained_like_each_of_them_alone():
    rng = np.random.default_rng(1)
    X = rows_of(rng, 200)
    table = leaves_of([grown(rng, 7) for _ in range(3)], COLUMNS, 0.0, single=False)
    alone = np.concatenate([shapley.contributions(table, row[None]) for row in X])
    np.testing.assert_allclose(shapley.contributions(table, X), alone, rtol=0, atol=1e-14)


def test_a_split_that_asks_only_whether_a_value_is_missing_tells_rows_apart():
    zero = np.zeros(3)
    sides = {"left": np.array([1, -1, -1]), "right": np.array([2, -1, -1]), "missing_left": zero}
    cover, value = np.array([10.0, 6.0, 4.0]), np.array([0.0, 1.0, -1.0])
    tree = Nodes(**sides, feature=np.zeros(3, int), threshold=np.full(3, np.inf), cover=cover, value=value)
    X = np.array([[np.nan], [0.0], [np.nan], [5.0], [np.nan]] * 2)
    table = leaves_of([tree], 1, 0.0, single=False)
    expected = np.where(np.isnan(X), -1.0, 1.0) - 0.2
    np.testing.assert_allclose(shapley.contributions(table, X), expected, rtol=0, atol=1e-15)


def test_rows_are_told_apart_where_their_places_have_more_combinations_than_an_integer_has_values(monkeypatch):
    rng = np.random.default_rng(2)
    X = rows_of(rng, 50)
    table = leaves_of([grown(rng, 7)], COLUMNS, 0.0, single=False)
    expected = shapley.contributions(table, X)
    monkeypatch.setattr(shapley, "MOST_CODES", 60)
    np.testing.assert_array_equal(shapley.contributions(table, X), expected)


def test_features_that_play_the_same_part_get_the_same():
    both = Nodes(
        left=np.array([1, -1, 3, -1, -1]),
        right=np.array([2, -1, 4, -1, -1]),
        feature=np.array([0, -2, 1, -2, -2]),
        threshold=np.full(5, 0.5),
        missing_left=np.zeros(5, int),
        cover=np.array([4, 2, 2, 1, 1]),
        value=np.array([0.0, 0.0, 0.0, 0.0, 1.0]),
    )
    table = leaves_of([both], 3, 0.0, single=False)
    np.testing.assert_allclose(shapley.contributions(table, np.ones((1, 3))), [[0.375, 0.375, 0]], atol=1e-15)


def test_the_table_survives_a_file_of_arrays(tmp_path):
    rng = np.random.default_rng(3)
    table, X = leaves_of([grown(rng, 5)], COLUMNS, 0.0, single=True), rows_of(rng, 5)
    np.savez(tmp_path / "leaves.npz", **table._asdict())
    with np.load(tmp_path / "leaves.npz") as arrays:
        again = Leaves(**arrays)
    np.testing.assert_array_equal(shapley.contributions(again, X), shapley.contributions(table, X))
