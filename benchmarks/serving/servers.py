"""The servers that `compare.py` compares: how each is started and asked. Not run by itself."""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.serving.environments import OWN, ROOT
from benchmarks.serving.forest import NAME, Made
from benchmarks.serving.server import Question, Server

MANY = 100  # rows in a request of many
SERVICE, TWO, CONSTANT = "this service", "this service, 2 workers", "constant answer"
FLASK, GUNICORN = "Flask as tutorials run it", "Flask, gunicorn, 2 workers"
PYTHON = "{bin}/python"
Rows = list[list[float]]


def question(path: str, rows: Rows, size: int, ask: Callable[[Rows], Any], read: Callable[[Any], Any]) -> Question:
    """Return a question with so many rows in each body; `ask` makes the body, `read` finds the probabilities."""
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return Question(path, [json.dumps(ask(part)).encode() for part in parts], read)


def both(path: str, rows: Rows, ask: Callable[[Rows], Any], read: Callable[[Any], Any]) -> tuple[Question, Question]:
    """Return the question with one row and that with many."""
    return question(path, rows, 1, ask, read), question(path, rows, MANY, ask, read)


def vector(made: Made) -> Question:
    """Return the Flask application's question: one row."""
    return question(
        "/predict", made.rows, 1, lambda rows: {"features": rows[0]}, lambda answer: [answer["probability"]]
    )


def service(made: Made, name: str = SERVICE, workers: int = 1) -> Server:
    """Return this project's service, with everything on: checks, metrics, and a decision log in a file."""
    many = question(
        f"/v1/models/{NAME}:predict",
        made.rows,
        MANY,
        lambda rows: {"instances": rows},
        lambda answer: [each["probability"] for each in answer["predictions"]],
    )
    command = [PYTHON, str(ROOT / "src" / "mlops.py"), "serve", "--workers", str(workers)]
    variables = {
        "SERVE_BUNDLE": str(made.bundle),
        "SERVE_PORT": "{port}",
        "SERVE_LOG": str(made.folder / f"decisions-{workers}.jsonl"),
    }
    return Server(name, OWN, command, made.folder, vector(made), many, variables=variables)


def constant(made: Made) -> Server:
    """Return the HTTP stack of the service with an answer of the same length as its own."""
    answer = json.dumps({"prediction": 0, "probability": made.probabilities[0]}, separators=(",", ":"))
    return Server(
        CONSTANT, OWN, [PYTHON, "constant.py", "{port}", answer, str(ROOT / "src")], made.folder, vector(made)
    )


def seeds(made: Made) -> list[Server]:
    """Return a Flask application under Flask's development server and under gunicorn; it takes one row."""
    gunicorn = ["{bin}/gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}", "flask_app:app"]
    return [
        Server(FLASK, "flask", [PYTHON, "flask_app.py", "{port}"], made.folder, vector(made)),
        Server(GUNICORN, "flask", gunicorn, made.folder, vector(made)),
    ]


def mlflow(made: Made) -> Server:
    """Return `mlflow models serve` with the scikit-learn flavour."""
    one, many = both(
        "/invocations",
        made.rows,
        lambda rows: {"inputs": rows},
        lambda answer: [each[1] for each in answer["predictions"]],
    )
    command = ["{bin}/mlflow", "models", "serve", "-m", "mlflow_model", "--env-manager", "local", "-p", "{port}"]
    return Server("MLflow", "mlflow", command, made.folder, one, many, prepare=[PYTHON, "mlflow_model.py"])


def bentoml(made: Made) -> Server:
    """Return a BentoML service."""
    one, many = both("/predict", made.rows, lambda rows: {"features": rows}, lambda answer: answer)
    command = ["{bin}/bentoml", "serve", "bentoml_app:Forest", "-p", "{port}"]
    variables = {"BENTOML_HOME": str(made.folder / "bento_home"), "BENTOML_DO_NOT_TRACK": "True"}
    return Server("BentoML", "bentoml", command, made.folder, one, many, variables=variables)


def kserve(made: Made) -> Server:
    """Return a KServe predictor, asked by protocol V1."""
    path = f"/v1/models/{NAME}:predict"
    one, many = both(path, made.rows, lambda rows: {"instances": rows}, lambda answer: answer["predictions"])
    command = [PYTHON, "kserve_app.py", "--http_port", "{port}", "--enable_grpc", "false"]
    return Server("KServe", "kserve", command, made.folder, one, many)


def mlserver(made: Made) -> Server:
    """Return MLServer with its own scikit-learn runtime, asked by the Open Inference Protocol."""

    def ask(rows: Rows) -> dict[str, Any]:
        values = [value for row in rows for value in row]
        inputs = {"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": values}
        return {"inputs": [inputs], "outputs": [{"name": "predict_proba"}]}

    path = f"/v2/models/{NAME}/infer"
    one, many = both(path, made.rows, ask, lambda answer: answer["outputs"][0]["data"][1::2])
    variables = {
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": "0",  # any that is free
        "MLSERVER_METRICS_PORT": "0",
        "MLSERVER_MODEL_NAME": NAME,
        "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
        "MLSERVER_MODEL_URI": str(made.folder / "pipeline.joblib"),
    }
    return Server("MLServer", "mlserver", ["{bin}/mlserver", "start", "."], made.folder, one, many, variables=variables)


def servers(made: Made) -> list[Server]:
    """Return all of them, this project's first."""
    peers = [mlflow(made), bentoml(made), kserve(made), mlserver(made)]
    return [service(made), service(made, TWO, 2), constant(made), *seeds(made), *peers]
