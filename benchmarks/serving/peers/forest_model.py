"""The model of the peers' applications; the variable MODEL says in which form, the file comes from the folder.

"onnx" is the graph that this project's service answers with, on one thread and with the same options; otherwise it is
scikit-learn's own predict, as tutorials have it.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np


def opened(form: str) -> Callable[[Any], np.ndarray]:
    """Return a function that gives the probability of each row."""
    if form != "onnx":
        import joblib

        pipeline = joblib.load("pipeline.joblib")
        return lambda rows: pipeline.predict_proba(np.array(rows))[:, 1]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(["score"], {"numbers": np.array(rows, dtype=np.float64)})[0]


probabilities = opened(os.environ.get("MODEL", ""))
