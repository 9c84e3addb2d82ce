"""Write a fitted pipeline as one ONNX file whose scores are the pipeline's own, bit by bit.

An ensemble of trees becomes one operator, which compares and adds up in the precision of the estimator itself. Forests
compare a value in single precision with a threshold in double: that decides the same as a comparison with the threshold
rounded down to single precision. Boosted trees of scikit-learn and LightGBM compare in double. XGBoost does everything
in single precision. ONNX Runtime adds the trees up in their order, as all of these libraries do.

ONNX Runtime keeps the second branch of a split next to it in memory, and waits for the first. So the branch that more
training rows took comes second: x > t is -x <= -(the number after t), and each column is there a second time, negated.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from lifecycle.core.errors import PipelineError
from lifecycle.core.value_limits import MISSING_TEXT
from lifecycle.models.estimator_scores import DECIMALS
from lifecycle.models.families import family_of
from lifecycle.models.leaves import Nodes
from lifecycle.models.preprocessing import inputs
from lifecycle.models.trees import Ensemble, outputs_of

# Opset 5 of the tree operators is the first with one in double precision.
OPSETS = {"": 21, "ai.onnx.ml": 5}
IR_VERSION = 10
SUM, AT_MOST = 1, 0  # codes of the tree operator


class Graph:
    """An ONNX graph under construction; values are known by name. The same graph gives the same bytes."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []

    def input(self, name: str, type_: int, width: int) -> str:
        """Add an input of shape (rows, width) and return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, type_, ["rows", width]))
        return name

    def constant(self, values: Any, type_: type = np.float64) -> str:
        """Add a constant array and return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(_array(name, values, type_))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        name = name or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def model(self, outputs: Sequence[tuple[str, Sequence[Any]]]) -> bytes:
        """Return the checked model with outputs of double precision, by name and shape."""
        infos = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape) for name, shape in outputs]
        graph = helper.make_graph(self._nodes, "model", self._inputs, infos, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def export(pipeline: Pipeline) -> bytes:
    """Return the content of an ONNX file.

    Inputs `numbers` (double, NaN where missing) and `texts` (`MISSING_TEXT` where missing), of shape (rows, features);
    one that the model has no feature for is left out. Outputs `score`, as `lifecycle.models.prediction.predict` gives
    it, and `columns`, the estimator's input.

    Raises
    ------
    PipelineError
        The pipeline has no exact export.
    """
    graph, model, family = Graph(), pipeline[-1], family_of(pipeline)
    columns = graph.add("Identity", _columns(graph, pipeline[0]), name="columns")
    if family.trees:
        score = ensemble_score(graph, columns, family.trees(model))
    elif family.onnx:
        score = family.onnx(graph, columns, model)
    else:
        raise PipelineError(f"{family.name}: this family has no exact export")
    outputs = outputs_of(model)
    if not family.exact:
        score = _probability(graph, score, outputs) if is_classifier(model) else _narrowed(graph, score)
    graph.add("Identity", score, name="score")
    width = [outputs] if outputs > 1 else []
    return graph.model([("score", ["rows", *width]), ("columns", ["rows", model.n_features_in_])])


def _narrowed(graph: Graph, score: str) -> str:
    """Round to single precision."""
    return graph.add("Cast", graph.add("Cast", score, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)


def _probability(graph: Graph, log_odds: str, outputs: int) -> str:
    """Turn log-odds into probabilities, and round as numpy does: multiply, round half to even, divide."""
    score = graph.add("Softmax", log_odds, axis=1) if outputs > 1 else graph.add("Sigmoid", log_odds)
    scale = graph.constant(np.float64(10**DECIMALS))
    return graph.add("Div", graph.add("Round", graph.add("Mul", score, scale)), scale)


def _columns(graph: Graph, prepare: ColumnTransformer) -> str:
    """Add inputs, and the nodes that turn them into the estimator's input, shape (rows, columns)."""
    numbers, texts = inputs(prepare)
    if numbers:
        graph.input("numbers", TensorProto.DOUBLE, len(numbers))
    if texts:
        graph.input("texts", TensorProto.STRING, len(texts))
    steps = [(step, names) for _, step, names in prepare.transformers_ if step != "drop"]
    parts = [_part(graph, step, [texts.index(name) for name in names if name in texts]) for step, names in steps]
    return graph.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def _part(graph: Graph, step: Any, places: Sequence[int]) -> str:
    """Add one step of the preprocessing; `places` are those of its columns among the texts."""
    match step:
        case OneHotEncoder():
            flags = [_flags(graph, place, known) for place, known in zip(places, step.categories_, strict=True)]
            return graph.add("Concat", *flags, axis=1)
        case TargetEncoder():
            return _target_means(graph, places, step)
        case Pipeline(steps=[(_, TargetEncoder()), (_, StandardScaler())]):
            return _scaled(graph, _target_means(graph, places, step[0]), step[1])
        case Pipeline(steps=[(_, SimpleImputer()), (_, StandardScaler())]):
            return _scaled(graph, _filled(graph, "numbers", step[0]), step[1])
        case FunctionTransformer(func=None) | "passthrough":
            return "numbers"
    raise PipelineError(f"{type(step).__name__}: this preprocessing can't be served")


def _flags(graph: Graph, place: int, categories: Sequence[Any]) -> str:
    """Add a column per category: 1 where the text is this one; a text never seen is none of them."""
    text = graph.add("Gather", "texts", graph.constant(place, np.int64), axis=1)
    flags = graph.add("OneHotEncoder", text, domain="ai.onnx.ml", cats_strings=_known(categories), zeros=1)
    return graph.add("Cast", flags, to=TensorProto.DOUBLE)


def _known(categories: Sequence[Any]) -> list[str]:
    return [category if isinstance(category, str) else MISSING_TEXT for category in categories]


def _target_means(graph: Graph, places: Sequence[int], encoder: TargetEncoder) -> str:
    """Add a column per text, or per text and class: what its value stands for, and the mean of all for one not seen."""
    otherwise = np.ravel(encoder.target_mean_)
    columns = []
    for number, means in enumerate(encoder.encodings_):
        text, class_ = divmod(number, len(otherwise))
        column = graph.add("Gather", "texts", graph.constant([places[text]], np.int64), axis=1)
        columns.append(
            graph.add(
                "LabelEncoder",
                column,
                domain="ai.onnx.ml",
                keys_tensor=_array("keys", _known(encoder.categories_[text]), np.object_),
                values_tensor=_array("values", means, np.float64),
                default_tensor=_array("default", [otherwise[class_]], np.float64),
            )
        )
    return graph.add("Concat", *columns, axis=1)


def _filled(graph: Graph, numbers: str, imputer: SimpleImputer) -> str:
    """Fill gaps with medians, and flag them; a number that had no value in training is left out, but for its flag."""
    places = np.flatnonzero(~np.isnan(imputer.statistics_))
    known = _gather(graph, numbers, places)
    filled = graph.add("Where", graph.add("IsNaN", known), graph.constant(imputer.statistics_[places]), known)
    flagged = imputer.indicator_.features_
    if not len(flagged):
        return filled
    gaps = graph.add("Cast", graph.add("IsNaN", _gather(graph, numbers, flagged)), to=TensorProto.DOUBLE)
    return graph.add("Concat", filled, gaps, axis=1)


def _gather(graph: Graph, numbers: str, places: np.ndarray) -> str:
    return graph.add("Gather", numbers, graph.constant(places, np.int64), axis=1)


def _scaled(graph: Graph, values: str, scaler: StandardScaler) -> str:
    centred = graph.add("Sub", values, graph.constant(scaler.mean_))
    return graph.add("Div", centred, graph.constant(scaler.scale_))


def ensemble_score(graph: Graph, columns: str, ensemble: Ensemble) -> str:
    """Add the nodes that make the sum over the trees, divided by their number where it is a mean.

    The result has the shape (rows,), or (rows, classes) where there are several.
    """
    type_, onnx_type = (np.float32, TensorProto.FLOAT) if ensemble.narrow else (np.float64, TensorProto.DOUBLE)
    values = graph.add("Cast", columns, to=TensorProto.FLOAT) if ensemble.single else columns
    values = graph.add("Cast", values, to=onnx_type) if ensemble.single and not ensemble.narrow else values
    values = graph.add("Concat", values, graph.add("Neg", values), axis=1)
    base = {place: _leaf(start) for place, start in enumerate(ensemble.base) if start}
    trees = [_busy_right(_with_a_split(tree), ensemble, type_) for tree in (*base.values(), *ensemble.trees)]
    tables = _attributes(trees, [*base, *ensemble.outputs], type_) | {"n_targets": len(ensemble.base)}
    total = graph.add("TreeEnsemble", values, domain="ai.onnx.ml", **tables)
    total = graph.add("Cast", total, to=TensorProto.DOUBLE) if ensemble.narrow else total
    total = graph.add("Div", total, graph.constant(float(ensemble.members))) if ensemble.members > 1 else total
    return total if len(ensemble.base) > 1 else graph.add("Reshape", total, graph.constant([-1], np.int64))


def rounded_down(threshold: np.ndarray) -> np.ndarray:
    """Return the largest single-precision number that is not above each threshold, as float64."""
    with np.errstate(over="ignore"):
        nearest = threshold.astype(np.float32)
    return np.where(nearest > threshold, np.nextafter(nearest, np.float32(-np.inf)), nearest).astype(np.float64)


def _busy_right(tree: Nodes, ensemble: Ensemble, type_: type) -> Nodes:
    """Exchange the branches where more rows go left; where the threshold is infinite none goes right."""
    threshold = rounded_down(tree.threshold) if ensemble.single else tree.threshold
    with np.errstate(over="ignore"):
        above = np.nextafter(threshold, np.inf, dtype=np.float32 if ensemble.single else type_)
    swap = (tree.left >= 0) & (tree.cover[tree.left] > tree.cover[tree.right]) & (threshold < np.inf)
    return tree._replace(
        left=np.where(swap, tree.right, tree.left),
        right=np.where(swap, tree.left, tree.right),
        feature=np.where(swap, tree.feature + ensemble.columns, tree.feature),
        threshold=np.where(swap, -above.astype(np.float64), threshold),
        missing_left=np.where(swap, ~tree.missing_left.astype(bool), tree.missing_left),
    )


def _attributes(trees: Sequence[Nodes], outputs: Sequence[int], type_: type) -> dict[str, Any]:
    """Return the operator's tables: splits of all trees in a row, and leaves of all trees in a row.

    `outputs` is the place of the score that each tree adds to.
    """
    split = [tree.left >= 0 for tree in trees]
    first_split = np.cumsum([0, *(is_split.sum() for is_split in split)])
    threshold = _concatenated([tree.threshold for tree in trees], split)
    weights = _concatenated([tree.value for tree in trees], [~is_split for is_split in split])
    missing = _concatenated([tree.missing_left for tree in trees], split)
    return {
        "aggregate_function": SUM,
        "tree_roots": first_split[:-1].tolist(),
        "nodes_featureids": _concatenated([tree.feature for tree in trees], split).tolist(),
        "nodes_splits": _array("splits", threshold, type_),
        "nodes_modes": _array("modes", np.full(len(threshold), AT_MOST), np.uint8),
        "nodes_missing_value_tracks_true": missing.astype(int).tolist(),
        **_children([tree.left for tree in trees], split, "true"),
        **_children([tree.right for tree in trees], split, "false"),
        "leaf_targetids": np.repeat(outputs, [int((~is_split).sum()) for is_split in split]).tolist(),
        "leaf_weights": _array("weights", weights, type_),
    }


def _children(children: Sequence[np.ndarray], split: Sequence[np.ndarray], branch: str) -> dict[str, list[int]]:
    """Return the index of each split's child, and whether it counts splits or leaves."""
    every = np.concatenate(split)
    place = np.where(every, np.cumsum(every), np.cumsum(~every)) - 1
    roots = np.cumsum([0, *map(len, split)])
    child = _concatenated([nodes + root for nodes, root in zip(children, roots[:-1], strict=True)], split)
    return {
        f"nodes_{branch}nodeids": place[child].tolist(),
        f"nodes_{branch}leafs": (~every[child]).astype(int).tolist(),
    }


def _concatenated(tables: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([table[chosen] for table, chosen in zip(tables, rows, strict=True)])


def _with_a_split(tree: Nodes) -> Nodes:
    """Return a tree that begins with a split, as the operator asks: a lone leaf stands on both sides of one."""
    if tree.left[0] >= 0:
        return tree
    left, right, zero = np.array([1, -1, -1]), np.array([2, -1, -1]), np.zeros(3, np.int64)
    return Nodes(left, right, zero, zero + 0.0, zero, zero + 1.0, zero + tree.value[0])


def _leaf(value: float) -> Nodes:
    """Return a tree of one leaf."""
    none, zero = np.full(1, -1), np.zeros(1)
    return Nodes(none, none, none, zero, zero, zero + 1, zero + value)


def _array(name: str, values: Any, type_: type) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype=type_), name)
