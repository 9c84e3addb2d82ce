"""A fitted pipeline as one ONNX file whose scores are the pipeline's own, bit by bit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from lifecycle.bundle import onnx_trees
from lifecycle.bundle.onnx_graph import Graph
from lifecycle.core.errors import PipelineError
from lifecycle.core.numbers import MISSING_TEXT
from lifecycle.models.families import DECIMALS, family_of


def export(pipeline: Pipeline) -> bytes:
    """Return the content of an ONNX file.

    Inputs `numbers` (double, NaN where missing) and `texts` (`MISSING_TEXT` where missing), of shape (rows, features);
    one that the model has no feature for is left out. Outputs `score`, as `lifecycle.models.families.predict` gives
    it, and `columns`, what the estimator sees.

    Raises
    ------
    PipelineError
        The pipeline does what can't be exported exactly.
    """
    graph, model, family = Graph(), pipeline[-1], family_of(pipeline)
    columns = graph.add("Identity", _columns(graph, pipeline[0]), name="columns")
    if family.trees:
        score = onnx_trees.ensemble_score(graph, columns, family.trees(model))
    elif family.onnx:
        score = family.onnx(graph, columns, model)
    else:
        raise PipelineError(f"{family.name}: this family has no exact export")
    if not family.exact:
        score = _rounded(graph, graph.add("Sigmoid", score))
    graph.add("Identity", score, name="score")
    return graph.model([("score", ["rows"]), ("columns", ["rows", model.n_features_in_])])


def _rounded(graph: Graph, score: str) -> str:
    """Round as numpy does: times, to the nearest even, by."""
    scale = graph.constant(np.float64(10**DECIMALS))
    return graph.add("Div", graph.add("Round", graph.add("Mul", score, scale)), scale)


def _columns(graph: Graph, prepare: ColumnTransformer) -> str:
    """Add inputs, and the nodes that turn them into what the estimator sees, shape (rows, columns)."""
    parts = [_part(graph, step, list(names)) for _, step, names in prepare.transformers_ if step != "drop"]
    return graph.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def _part(graph: Graph, step: Any, names: Sequence[str]) -> str:
    match step:
        case OneHotEncoder():
            texts = graph.input("texts", TensorProto.STRING, len(names))
            flags = [_flags(graph, texts, place, categories) for place, categories in enumerate(step.categories_)]
            return graph.add("Concat", *flags, axis=1)
        case Pipeline(steps=[(_, SimpleImputer()), (_, StandardScaler())]):
            numbers = graph.input("numbers", TensorProto.DOUBLE, len(names))
            return _scaled(graph, _filled(graph, numbers, step[0]), step[1])
        case FunctionTransformer(func=None) | "passthrough":
            return graph.input("numbers", TensorProto.DOUBLE, len(names))
    raise PipelineError(f"{type(step).__name__}: this preprocessing can't be served")


def _flags(graph: Graph, texts: str, place: int, categories: Sequence[Any]) -> str:
    """Add a column per category: 1 where the text is this one; a text never seen is none of them."""
    known = [category if isinstance(category, str) else MISSING_TEXT for category in categories]
    text = graph.add("Gather", texts, graph.constant(place, np.int64), axis=1)
    flags = graph.add("OneHotEncoder", text, domain="ai.onnx.ml", cats_strings=known, zeros=1)
    return graph.add("Cast", flags, to=TensorProto.DOUBLE)


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
