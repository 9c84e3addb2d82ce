"""How the servers of `compare.py` are asked: where, with which body, and how an answer is read. Not run by itself."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.serving.forest import NAME
from benchmarks.serving.server import Question

MANY = 100  # rows in a request of many
Rows = list[list[float]]


class Protocol(NamedTuple):
    """A path, what makes a body of rows, what finds the probabilities in an answer, and whether it takes many rows."""

    path: str
    ask: Callable[[Rows], Any]
    read: Callable[[Any], list[float]]
    takes_many: bool = True

    def one(self, rows: Rows) -> Question:
        """Return the question with one row in each body."""
        return self._question(rows, 1)

    def many(self, rows: Rows) -> Question | None:
        """Return the question with a hundred rows in each body."""
        return self._question(rows, MANY) if self.takes_many else None

    def _question(self, rows: Rows, size: int) -> Question:
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        return Question(self.path, [json.dumps(self.ask(part)).encode() for part in parts], self.read)


def instances(path: str) -> Protocol:
    """Return the protocol that KServe's V1, TensorFlow Serving and many applications share, at a path."""
    return Protocol(path, lambda rows: {"instances": rows}, lambda answer: answer["predictions"])


def _tensor(rows: Rows) -> dict[str, Any]:
    values = [value for row in rows for value in row]
    return {"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": values}


VECTOR = Protocol("/predict", lambda rows: {"features": rows[0]}, lambda answer: [answer["probability"]], False)
SERVICE = Protocol(
    f"/v1/models/{NAME}:predict",
    lambda rows: {"instances": rows},
    lambda answer: [each["probability"] for each in answer["predictions"]],
)
PREDICT = instances("/predict")
KSERVE = instances(f"/v1/models/{NAME}:predict")
BENTOML = Protocol("/predict", lambda rows: {"features": rows}, list)
MLFLOW = Protocol(
    "/invocations", lambda rows: {"inputs": rows}, lambda answer: [each[1] for each in answer["predictions"]]
)
MLFLOW_ONNX = MLFLOW._replace(read=lambda answer: answer["predictions"]["score"])
MLSERVER = Protocol(
    f"/v2/models/{NAME}/infer",
    lambda rows: {"inputs": [_tensor(rows)], "outputs": [{"name": "predict_proba"}]},
    lambda answer: answer["outputs"][0]["data"][1::2],
)
MLSERVER_ONNX = Protocol(
    MLSERVER.path, lambda rows: {"inputs": [_tensor(rows)]}, lambda answer: answer["outputs"][0]["data"]
)
