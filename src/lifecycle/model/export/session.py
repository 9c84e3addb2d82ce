"""Run an exported model: numpy and ONNX Runtime, one thread."""

from typing import NamedTuple

import numpy as np
import onnxruntime

from lifecycle.limits import MISSING_TEXT
from lifecycle.stage import PipelineError

NOTHING = np.array(None)
SCORE, COLUMNS = ["score"], ["columns"]


class Batch(NamedTuple):
    """Rows of the model's features.

    `numbers` float64, C-contiguous, shape (n, k), NaN where missing, columns as `Servable.numbers`; `texts` objects,
    shape (n, m), None or NaN where missing, columns as `Servable.texts`, or None where the model has no text feature.
    """

    numbers: np.ndarray
    texts: np.ndarray | None = None


class Session:
    """An opened model. Safe to share between threads.

    Parameters
    ----------
    model : bytes
        Content of an ONNX file that `lifecycle.model.export.onnx` made.
    """

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # As written, operator by operator: there is nothing to gain, and a fused cast would move scores at thresholds.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of several kinds, none of them public
            raise PipelineError(f"model.onnx: ONNX Runtime {onnxruntime.__version__}: {error}") from error
        self._has_numbers = "numbers" in {value.name for value in self._session.get_inputs()}

    def score(self, batch: Batch) -> np.ndarray:
        """Return the score of each row, float64, shape (n,)."""
        found: np.ndarray = self._session.run(SCORE, self._feeds(batch))[0]
        return found

    def columns(self, batch: Batch) -> np.ndarray:
        """Return what the estimator sees of each row, float64, shape (n, columns)."""
        found: np.ndarray = self._session.run(COLUMNS, self._feeds(batch))[0]
        return found

    def _feeds(self, batch: Batch) -> dict[str, np.ndarray]:
        feeds = {"numbers": batch.numbers} if self._has_numbers else {}
        if batch.texts is not None:
            missing = np.equal(batch.texts, NOTHING) | np.not_equal(batch.texts, batch.texts)
            feeds["texts"] = np.where(missing, MISSING_TEXT, batch.texts)
        return feeds
