"""A fitted pipeline as one ONNX file whose scores are the pipeline's own, bit by bit."""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from lifecycle.model.ensembles import ensemble
from lifecycle.model.estimators import DECIMALS, is_exact, is_linear
from lifecycle.model.export import columns as onnx_columns
from lifecycle.model.export import trees as onnx_trees
from lifecycle.model.export.graph import Graph


def export(pipeline: Pipeline) -> bytes:
    """Return the content of an ONNX file.

    Inputs `numbers` (double, NaN where missing) and `texts` (`MISSING_TEXT` where missing), of shape (rows, features);
    one that the model has no feature for is left out. Outputs `score`, as `lifecycle.model.estimators.predict` gives
    it, and `columns`, what the estimator sees.

    Raises
    ------
    PipelineError
        The pipeline does what can't be exported exactly.
    """
    graph, model = Graph(), pipeline[-1]
    columns = graph.add("Identity", onnx_columns.columns(graph, pipeline[0]), name="columns")
    score = (
        _linear(graph, columns, model)
        if is_linear(model)
        else onnx_trees.ensemble_score(graph, columns, ensemble(model))
    )
    if not is_exact(model):
        score = _rounded(graph, graph.add("Sigmoid", score))
    graph.add("Identity", score, name="score")
    return graph.model([("score", ["rows"]), ("columns", ["rows", model.n_features_in_])])


def _linear(graph: Graph, columns: str, model: Any) -> str:
    total = graph.add("MatMul", columns, graph.constant(model.coef_[0]))
    return graph.add("Add", total, graph.constant(model.intercept_))


def _rounded(graph: Graph, score: str) -> str:
    """Round as numpy does: times, to the nearest even, by."""
    scale = graph.constant(np.float64(10**DECIMALS))
    return graph.add("Div", graph.add("Round", graph.add("Mul", score, scale)), scale)
