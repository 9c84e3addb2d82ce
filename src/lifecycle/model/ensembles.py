"""Read the trees of fitted estimators: forests, single trees and boosted trees of every library here."""

from typing import Any, NamedTuple

import numpy as np

from lifecycle.model import boosters
from lifecycle.model.tree_paths import Leaves, Nodes, leaves_of
from lifecycle.stage import PipelineError


class Ensemble(NamedTuple):
    """Trees, and how a score is made of them: `base` and each tree's value in turn add up, `members` divides the sum.

    `columns` is the number of columns that the trees see. `single`: they compare values in single precision; `narrow`:
    they are added up in single precision too. `unit` is "probability", or "log-odds" of the score.
    """

    trees: list[Nodes]
    columns: int
    base: float
    members: int
    single: bool
    narrow: bool
    unit: str


def ensemble(model: Any) -> Ensemble:
    """Return the trees of a fitted forest, single tree, histogram gradient boosting, LightGBM or XGBoost.

    Raises
    ------
    PipelineError
        The estimator has no such trees, or they do what plain trees can't.
    """
    columns = int(getattr(model, "n_features_in_", 0))
    if hasattr(model, "_predictors"):
        trees = [_boosted(predictor.nodes) for (predictor,) in model._predictors]
        return Ensemble(trees, columns, float(np.ravel(model._baseline_prediction)[0]), 1, False, False, "log-odds")
    if type(model).__name__ == "LGBMClassifier":
        return Ensemble(boosters.of_lightgbm(model), columns, 0.0, 1, False, False, "log-odds")
    if type(model).__name__ == "XGBClassifier":
        trees, base = boosters.of_xgboost(model)
        return Ensemble(trees, columns, base, 1, True, True, "log-odds")
    members = getattr(model, "estimators_", [model])
    if not all(hasattr(member, "tree_") for member in members):
        raise PipelineError(f"{type(model).__name__}: there is no exact explanation for this estimator")
    place = list(model.classes_).index(1)
    trees = [_grown(member.tree_, place) for member in members]
    return Ensemble(trees, columns, 0.0, len(members), True, False, "probability")


def leaves(found: Ensemble) -> Leaves:
    """Return the leaves of an ensemble, in its unit."""
    trees = [tree._replace(value=tree.value / found.members) for tree in found.trees]
    return leaves_of(trees, found.columns, found.base, found.single)


def _grown(tree: Any, place: int) -> Nodes:
    return Nodes(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        cover=tree.weighted_n_node_samples,
        value=tree.value[:, 0, place],
    )


def _boosted(nodes: np.ndarray) -> Nodes:
    if nodes["is_categorical"].any():
        raise PipelineError(f"params.yaml: train.categorical_features: {boosters.NO_SETS}")
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
