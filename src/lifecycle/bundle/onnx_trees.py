"""An ensemble of trees as ONNX: one operator, which compares and adds up in the precision of the estimator itself.

Forests compare a value in single precision with a threshold in double: that decides the same as a comparison with the
threshold rounded down to single precision. Boosted trees of scikit-learn and LightGBM compare in double. XGBoost does
everything in single precision. ONNX Runtime adds trees up in their order, as all of them do.

It keeps the second branch of a split next to it in memory, and waits for the first. So the branch that more training
rows took comes second: x > t is -x <= -(the number after t), and each column is there a second time, negated.
"""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from lifecycle.bundle.onnx_graph import Graph, array
from lifecycle.models.leaves import Nodes
from lifecycle.models.trees import Ensemble

SUM, AT_MOST = 1, 0  # codes of the operator


def ensemble_score(graph: Graph, columns: str, ensemble: Ensemble) -> str:
    """Add the nodes that make the sum over the trees, divided by their number where it is a mean; shape (rows,)."""
    type_, onnx_type = (np.float32, TensorProto.FLOAT) if ensemble.narrow else (np.float64, TensorProto.DOUBLE)
    values = graph.add("Cast", columns, to=TensorProto.FLOAT) if ensemble.single else columns
    values = graph.add("Cast", values, to=onnx_type) if ensemble.single and not ensemble.narrow else values
    values = graph.add("Concat", values, graph.add("Neg", values), axis=1)
    trees = [*([_constant(ensemble.base)] if ensemble.base else []), *ensemble.trees]
    trees = [_busy_right(_with_a_split(tree), ensemble, type_) for tree in trees]
    total = graph.add("TreeEnsemble", values, domain="ai.onnx.ml", **_attributes(trees, type_))
    total = graph.add("Cast", total, to=TensorProto.DOUBLE) if ensemble.narrow else total
    total = graph.add("Div", total, graph.constant(float(ensemble.members))) if ensemble.members > 1 else total
    return graph.add("Reshape", total, graph.constant([-1], np.int64))


def rounded_down(threshold: np.ndarray) -> np.ndarray:
    """Return the largest single-precision number that is not above each threshold, as float64."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float64)


def _busy_right(tree: Nodes, ensemble: Ensemble, type_: type) -> Nodes:
    """Exchange the branches where more rows go left; where the threshold is infinite none goes right."""
    threshold = rounded_down(tree.threshold) if ensemble.single else tree.threshold
    with np.errstate(over="ignore"):
        after = np.nextafter(threshold, np.inf, dtype=np.float32 if ensemble.single else type_)
    swap = (tree.left >= 0) & (tree.cover[tree.left] > tree.cover[tree.right]) & (threshold < np.inf)
    return tree._replace(
        left=np.where(swap, tree.right, tree.left),
        right=np.where(swap, tree.left, tree.right),
        feature=np.where(swap, tree.feature + ensemble.columns, tree.feature),
        threshold=np.where(swap, -after.astype(np.float64), threshold),
        missing_left=np.where(swap, ~tree.missing_left.astype(bool), tree.missing_left),
    )


def _attributes(trees: Sequence[Nodes], type_: type) -> dict:
    """Return the operator's tables: splits of all trees in a row, and leaves of all trees in a row."""
    split = [tree.left >= 0 for tree in trees]
    splits, leaves = np.cumsum([0, *(own.sum() for own in split)]), np.cumsum([0, *((~own).sum() for own in split)])
    places = [
        np.where(own, np.cumsum(own) - 1 + splits[i], np.cumsum(~own) - 1 + leaves[i]) for i, own in enumerate(split)
    ]

    def of_splits(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([value[own] for value, own in zip(values, split, strict=True)])

    def child(side: str) -> dict:
        nodes = [np.where(own, getattr(tree, side), 0) for tree, own in zip(trees, split, strict=True)]
        child_place = of_splits([place[node] for place, node in zip(places, nodes, strict=True)])
        is_leaf = of_splits([~own[node] for own, node in zip(split, nodes, strict=True)])
        branch = {"left": "true", "right": "false"}[side]
        return {f"nodes_{branch}nodeids": child_place.tolist(), f"nodes_{branch}leafs": is_leaf.astype(int).tolist()}

    threshold = of_splits([tree.threshold for tree in trees])
    weights = np.concatenate([tree.value[~own] for tree, own in zip(trees, split, strict=True)])
    return {
        "aggregate_function": SUM,
        "n_targets": 1,
        "tree_roots": splits[:-1].tolist(),
        "nodes_featureids": of_splits([tree.feature for tree in trees]).tolist(),
        "nodes_splits": array("splits", threshold, type_),
        "nodes_modes": array("modes", np.full(len(threshold), AT_MOST), np.uint8),
        "nodes_missing_value_tracks_true": of_splits([tree.missing_left for tree in trees]).astype(int).tolist(),
        **child("left"),
        **child("right"),
        "leaf_targetids": [0] * len(weights),
        "leaf_weights": array("weights", weights, type_),
    }


def _with_a_split(tree: Nodes) -> Nodes:
    """Return a tree that begins with a split, as the operator asks: a lone leaf stands on both sides of one."""
    if tree.left[0] >= 0:
        return tree
    left, right, zero = np.array([1, -1, -1]), np.array([2, -1, -1]), np.zeros(3, np.int64)
    return Nodes(left, right, zero, zero + 0.0, zero, zero + 1.0, zero + tree.value[0])


def _constant(value: float) -> Nodes:
    """Return a tree of one leaf."""
    none, zero = np.full(1, -1), np.zeros(1)
    return Nodes(none, none, none, zero, zero, zero + 1, zero + value)
