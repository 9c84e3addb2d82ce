"""Read the trees of fitted estimators: forests, single trees, boosted trees of scikit-learn, LightGBM and XGBoost."""

import json
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from lifecycle.core.errors import PipelineError
from lifecycle.models.leaves import Leaves, Nodes, leaves_of

NO_SETS = "splits by sets of values can't be explained or served"
CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type; above them the kind of missing value
ZERO_IS_MISSING, NAN_IS_MISSING = 1, 2
LIGHTGBM = {
    "binary": ("binary sigmoid:1",),
    "multiclass": ("multiclass num_class:{outputs}",),
    "number": ("regression", "regression_l1", "huber", "fair", "quantile", "mape"),
}
XGBOOST = {
    "binary": ("binary:logistic",),
    "multiclass": ("multi:softprob",),
    "number": ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"),
}
ALMOST_ZERO = float(np.float32(1e-35))  # what LightGBM takes for 0, up to this size


class Ensemble(NamedTuple):
    """Trees, and how scores are made of them: `base` and each tree's value in turn add up, `members` divides the sum.

    There are as many scores of a row as `base` has numbers: one, or one for each of several classes. `output` is the
    place of each tree's score, empty where there is only one. `columns` is the number of columns that the trees see.
    `single`: they compare values in single precision; `narrow`: they are added up in single precision too. `unit` is
    "probability", "log-odds" of the score (of several classes: their softmax is the score), or "number", the score
    itself.
    """

    trees: list[Nodes]
    columns: int
    base: tuple[float, ...] = (0.0,)
    members: int = 1
    single: bool = False
    narrow: bool = False
    unit: str = "log-odds"
    output: tuple[int, ...] = ()

    @property
    def outputs(self) -> tuple[int, ...]:
        """The place of each tree's score."""
        return self.output or (0,) * len(self.trees)

    def leaves(self, output: int = 0) -> Leaves:
        """Return the leaves of all trees of one score, in the unit of the ensemble."""
        own = [tree for tree, place in zip(self.trees, self.outputs, strict=True) if place == output]
        trees = [tree._replace(value=tree.value / self.members) for tree in own]
        return leaves_of(trees, self.columns, self.base[output], self.single)


def outputs_of(model: Any) -> int:
    """Return how many scores a fitted estimator gives a row: one for each class where there are more than two."""
    classes = len(model.classes_) if is_classifier(model) else 1
    return classes if classes > 2 else 1


def _unit(model: Any) -> str:
    return "log-odds" if is_classifier(model) else "number"


def _kind(model: Any) -> str:
    return "number" if not is_classifier(model) else "multiclass" if outputs_of(model) > 1 else "binary"


def _in_turn(outputs: int, trees: int) -> tuple[int, ...]:
    """Return the place of each tree's score, where each step makes a tree for each score; nothing for one score."""
    return tuple(range(outputs)) * (trees // outputs) if outputs > 1 else ()


def of_forest(model: Any) -> Ensemble:
    """Return the trees of a fitted forest or single tree of scikit-learn; a score is the mean of their shares or means.

    A tree that knows several classes becomes one tree for each of them.
    """
    outputs, members = outputs_of(model), getattr(model, "estimators_", [model])
    places = range(outputs) if outputs > 1 else [list(model.classes_).index(1) if is_classifier(model) else 0]
    return Ensemble(
        [_forest_tree(member.tree_, place) for member in members for place in places],
        int(model.n_features_in_),
        base=(0.0,) * outputs,
        members=len(members),
        single=True,
        unit="probability" if is_classifier(model) else "number",
        output=_in_turn(outputs, outputs * len(members)),
    )


def _forest_tree(tree: Any, place: int) -> Nodes:
    return Nodes(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        cover=tree.weighted_n_node_samples,
        value=tree.value[:, 0, place],
    )


def of_hist_gradient_boosting(model: Any) -> Ensemble:
    """Return the trees of scikit-learn's fitted boosting; splits by sets of values, and other links, are refused."""
    if model.loss in ("poisson", "gamma"):
        raise PipelineError(f"params.yaml: train.loss = {model.loss!r}: the exponential of a sum can't be served")
    trees = [_histogram_tree(predictor.nodes) for step in model._predictors for predictor in step]
    base = tuple(np.ravel(model._baseline_prediction).tolist())
    output = _in_turn(len(base), len(trees))
    return Ensemble(trees, int(model.n_features_in_), base, unit=_unit(model), output=output)


def _histogram_tree(nodes: np.ndarray) -> Nodes:
    if nodes["is_categorical"].any():
        raise PipelineError(f"params.yaml: train.categorical_features: {NO_SETS}")
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


def of_lightgbm(model: Any) -> Ensemble:
    """Return the trees of LightGBM's fitted estimator; the first ones hold the averages that boosting starts from.

    Trees that do more than compare one value with a threshold and add a constant are refused.
    """
    head, *trees = model.booster_.model_to_string(num_iteration=-1).split("\nTree=")
    outputs = outputs_of(model)
    served = [name.format(outputs=outputs) for name in LIGHTGBM[_kind(model)]]
    if not any(f"\nobjective={name}\n" in head for name in served):
        raise PipelineError(f"params.yaml: train: LightGBM is served with objective {' or '.join(served)}")
    if "\naverage_output" in head:
        raise PipelineError("params.yaml: train.boosting_type = 'rf': averaged trees of LightGBM can't be served")
    values = [dict(line.split("=", 1) for line in tree.splitlines() if "=" in line) for tree in trees]
    nodes, output = [_lightgbm_tree(tree) for tree in values], _in_turn(outputs, len(values))
    return Ensemble(nodes, int(model.n_features_in_), (0.0,) * outputs, unit=_unit(model), output=output)


def _lightgbm_tree(tree: dict[str, str]) -> Nodes:
    """Lay out a tree: its splits first, then its leaves. LightGBM numbers them apart, leaves as -1, -2, ..."""
    value, has_splits = _numbers(tree, "leaf_value"), int(tree["num_leaves"]) > 1
    decision = _numbers(tree, "decision_type", np.int64) if has_splits else np.zeros(0, np.int64)
    _check_lightgbm_tree(tree, decision)
    count, zeros = len(decision), np.zeros(len(value))

    def of_nodes(name: str, at_leaves: np.ndarray) -> np.ndarray:
        return np.concatenate([_numbers(tree, name) if has_splits else np.zeros(0), at_leaves])

    def child(name: str) -> np.ndarray:
        places = of_nodes(name, zeros).astype(np.int64)
        return np.concatenate([np.where(places < 0, count + ~places, places)[:count], np.full(len(value), -1)])

    threshold = of_nodes("threshold", zeros)
    # A missing value goes by its own bit where the training rows had some, and is taken for 0 where they had none.
    by_bit = np.where(decision >> 2 == NAN_IS_MISSING, decision & DEFAULT_LEFT != 0, threshold[:count] >= 0)
    return Nodes(
        left=child("left_child"),
        right=child("right_child"),
        feature=of_nodes("split_feature", zeros).astype(np.int64),
        threshold=_around_zero(threshold),
        missing_left=np.concatenate([by_bit, np.zeros(len(value), bool)]),
        cover=of_nodes("internal_count", _numbers(tree, "leaf_count") if has_splits else np.ones(1)),
        value=np.concatenate([np.zeros(count), value]),
    )


def _check_lightgbm_tree(tree: dict[str, str], decision: np.ndarray) -> None:
    if tree.get("is_linear", "0") != "0":
        raise PipelineError("params.yaml: train.linear_tree: linear models as leaves can't be explained or served")
    if (decision & CATEGORICAL).any():
        raise PipelineError(f"params.yaml: train.categorical_feature: {NO_SETS}")
    if (decision >> 2 == ZERO_IS_MISSING).any():
        raise PipelineError("params.yaml: train.zero_as_missing: a 0 that is missing can't be explained or served")


def _around_zero(threshold: np.ndarray) -> np.ndarray:
    """Move thresholds that are almost 0 to where they part values as LightGBM does: it makes 0 of a value like that."""
    outside = np.where(threshold < 0, np.nextafter(-ALMOST_ZERO, -np.inf), ALMOST_ZERO)
    return np.where(np.abs(threshold) <= ALMOST_ZERO, outside, threshold)


def _numbers(tree: dict[str, str], name: str, type_: type = np.float64) -> np.ndarray:
    return np.array(tree[name].split(), dtype=type_)


def of_xgboost(model: Any) -> Ensemble:
    """Return the trees of XGBoost's fitted estimator; the base is what boosting starts from.

    XGBoost asks for x < t in single precision: that is x <= the single-precision number below t. Params that ask for
    more than plain trees whose values are added up are refused.
    """
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    served, booster = XGBOOST[_kind(model)], learner["gradient_booster"]
    if learner["objective"]["name"] not in served or booster["name"] != "gbtree":
        raise PipelineError(
            f"params.yaml: train: XGBoost is served with objective {' or '.join(served)} and booster gbtree"
        )
    if not np.isnan(model.missing):
        raise PipelineError("params.yaml: train.missing: only NaN is missing")
    return Ensemble(
        [_xgboost_tree(tree) for tree in booster["model"]["trees"]],
        int(model.n_features_in_),
        _xgboost_base(learner["learner_model_param"]["base_score"], _kind(model)),
        single=True,
        narrow=True,
        unit=_unit(model),
        output=tuple(booster["model"]["tree_info"]) if outputs_of(model) > 1 else (),
    )


def _xgboost_base(text: str, kind: str) -> tuple[float, ...]:
    """Return what boosting starts from: of a binary score the log-odds of the share that the model holds."""
    start = np.array(text.strip("[]").split(","), dtype=np.float32)
    if kind == "binary":
        start = -np.log((np.float32(1) / start - np.float32(1)).astype(np.float64)).astype(np.float32)
    return tuple(start.astype(np.float64).tolist())


def _xgboost_tree(tree: dict[str, Any]) -> Nodes:
    if any(tree["split_type"]):
        raise PipelineError(f"params.yaml: train.enable_categorical: {NO_SETS}")
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    condition, reachable = np.array(tree["split_conditions"], dtype=np.float32), _reachable(left, right)
    return Nodes(
        left=np.where(reachable, left, -1),
        right=right,
        feature=np.array(tree["split_indices"]),
        threshold=np.nextafter(condition, np.float32(-np.inf)).astype(np.float64),
        missing_left=np.array(tree["default_left"]),
        cover=np.array(tree["sum_hessian"], dtype=np.float64),
        value=np.where(reachable & (left < 0), condition, np.float32(0)).astype(np.float64),
    )


def _reachable(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return for each node whether a row can get there; pruned nodes stay in the arrays of XGBoost."""
    reachable, level = np.zeros(len(left), bool), np.zeros(1, np.int64)
    while len(level):
        reachable[level] = True
        level = np.concatenate([left[level], right[level]])
        level = level[level >= 0]
    return reachable
