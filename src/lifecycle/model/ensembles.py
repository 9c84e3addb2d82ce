"""Read the trees of fitted scikit-learn estimators."""

from typing import Any

import numpy as np

from lifecycle.model.tree_paths import Leaves, Nodes, leaves_of
from lifecycle.stage import PipelineError


def leaves(model: Any) -> Leaves:
    """Return the leaves of a fitted forest, single tree or histogram gradient boosting.

    Forests and trees in units of the probability of class 1; boosting in log-odds.

    Raises
    ------
    PipelineError
        The estimator has no such trees, or splits by sets of categories.
    """
    if hasattr(model, "_predictors"):
        trees = [_boosted(predictor.nodes) for (predictor,) in model._predictors]
        return leaves_of(trees, model.n_features_in_, float(np.ravel(model._baseline_prediction)[0]), single=False)
    members = getattr(model, "estimators_", [model])
    if not all(hasattr(member, "tree_") for member in members):
        raise PipelineError(f"{type(model).__name__}: there is no exact explanation for this estimator")
    place = list(model.classes_).index(1)
    trees = [_grown(member.tree_, place, len(members)) for member in members]
    return leaves_of(trees, model.n_features_in_, 0.0, single=True)


def _grown(tree: Any, place: int, members: int) -> Nodes:
    return Nodes(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        cover=tree.weighted_n_node_samples,
        value=tree.value[:, 0, place] / members,
    )


def _boosted(nodes: np.ndarray) -> Nodes:
    if nodes["is_categorical"].any():
        raise PipelineError("params.yaml: train.categorical_features: splits by sets of values can't be explained")
    leaf = nodes["is_leaf"] == 1
    return Nodes(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"],
        cover=nodes["count"].astype(np.float64),
        value=nodes["value"],
    )
