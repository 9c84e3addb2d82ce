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
    columns = graph.add("Identity", prepared(graph, pipeline[0]), name="columns")
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


def prepared(graph: Graph, prepare: ColumnTransformer) -> str:
    """Add inputs and the nodes that make columns of them, shape (rows, columns).

    Raises
    ------
    PipelineError
        The preprocessing has a step that `lifecycle.models.families.build` does not make.
    """
    made = [_part(graph, step, list(names)) for _, step, names in prepare.transformers_ if step != "drop"]
    return graph.add("Concat", *made, axis=1) if len(made) > 1 else made[0]


def _part(graph: Graph, step: Any, names: Sequence[str]) -> str:
    match step:
        case OneHotEncoder():
            texts = graph.input("texts", TensorProto.STRING, len(names))
            made = [_flags(graph, texts, place, kinds) for place, kinds in enumerate(step.categories_)]
            return graph.add("Concat", *made, axis=1)
        case Pipeline(steps=[(_, SimpleImputer()), (_, StandardScaler())]):
            numbers = graph.input("numbers", TensorProto.DOUBLE, len(names))
            return _scaled(graph, _filled(graph, numbers, step[0]), step[1])
        case FunctionTransformer(func=None) | "passthrough":
            return graph.input("numbers", TensorProto.DOUBLE, len(names))
    raise PipelineError(f"{type(step).__name__}: this preprocessing can't be served")


def _flags(graph: Graph, texts: str, place: int, kinds: Sequence[Any]) -> str:
    """Add a column per category: 1 where the text is this one; a text never seen is none of them."""
    known = [kind if isinstance(kind, str) else MISSING_TEXT for kind in kinds]  # what is no text is a missing one
    text = graph.add("Gather", texts, graph.constant(place, np.int64), axis=1)
    flags = graph.add("OneHotEncoder", text, domain="ai.onnx.ml", cats_strings=known, zeros=1)
    return graph.add("Cast", flags, to=TensorProto.DOUBLE)


def _filled(graph: Graph, numbers: str, imputer: SimpleImputer) -> str:
    """Fill gaps with medians, and flag them; a number that had no value in training is left out, but for its flag."""
    kept = np.flatnonzero(~np.isnan(imputer.statistics_))
    known = _some(graph, numbers, kept)
    filled = graph.add("Where", graph.add("IsNaN", known), graph.constant(imputer.statistics_[kept]), known)
    flagged = imputer.indicator_.features_
    if not len(flagged):
        return filled
    gaps = graph.add("Cast", graph.add("IsNaN", _some(graph, numbers, flagged)), to=TensorProto.DOUBLE)
    return graph.add("Concat", filled, gaps, axis=1)


def _some(graph: Graph, numbers: str, places: np.ndarray) -> str:
    return graph.add("Gather", numbers, graph.constant(places, np.int64), axis=1)


def _scaled(graph: Graph, values: str, scaler: StandardScaler) -> str:
    centred = graph.add("Sub", values, graph.constant(scaler.mean_))
    return graph.add("Div", centred, graph.constant(scaler.scale_))
