"""The servers that `compare.py` compares: how each is started and asked. Not run by itself.

A peer stands here once for each setting: the usual one, as its documentation or a tutorial has it, with scikit-learn's
predict; and the strongest reasonable one, under the same name and ", ONNX": the graph that this project's service
answers with, on one thread. Where the peer lets it be so, it is then scored in the event loop instead of a thread or a
process beside it, and metrics and the log of requests are off; those of this project's service are on.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from benchmarks.serving import protocols
from benchmarks.serving.environments import OWN, ROOT
from benchmarks.serving.forest import NAME, Made
from benchmarks.serving.protocols import Protocol
from benchmarks.serving.server import Server

SERVICE, TWO, CONSTANT = "this service", "this service, 2 workers", "constant answer"
FLASK, GUNICORN = "Flask as tutorials run it", "Flask, gunicorn, 2 workers"
STRONGEST = ", ONNX"  # ends the name of a peer in its strongest setting
PYTHON = "{bin}/python"
UVICORN = "{bin}/uvicorn --port {port}"
QUIET = f"{UVICORN} --no-access-log"
GUNICORN_COMMAND = "{bin}/gunicorn --workers 2 --bind 127.0.0.1:{port}"
KSERVE = f"{PYTHON} kserve_app.py --http_port {{port}} --enable_grpc false"
KSERVE_QUIET = f"{KSERVE} --enable_latency_logging false --configure_logging false"
BENTOML = "{bin}/bentoml serve -p {port}"
MLFLOW = "{bin}/mlflow models serve --env-manager local -p {port}"
MLSERVER = "{bin}/mlserver start ."
EVERYWHERE = {"ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}  # or ONNX Runtime and MLflow call their makers
MODEL = {"MODEL": "onnx"}  # what peers/forest_model.py opens
STORE = {"BENTOML_HOME": "bento_home", "BENTOML_DO_NOT_TRACK": "True"}
PORTS = {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "0", "MLSERVER_METRICS_PORT": "0"}  # 0: any that is free
SKLEARN = {
    "MLSERVER_MODEL_NAME": NAME,
    "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
    "MLSERVER_MODEL_URI": "pipeline.joblib",
}
RUNTIME = {
    "MLSERVER_MODEL_NAME": NAME,
    "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_app.Forest",
    "MLSERVER_PARALLEL_WORKERS": "0",  # in the process that answers, not in one beside it
    "MLSERVER_DEBUG": "false",
}


class Peer(NamedTuple):
    """A server of somebody else in one setting; command, variables and preparation are those of a `Server`."""

    name: str
    environment: str
    command: str
    protocol: Protocol
    variables: Mapping[str, str] = {}
    prepare: str = ""

    def server(self, made: Made) -> Server:
        """Return it as a server of a model."""
        return Server(
            self.name,
            self.environment,
            self.command.split(),
            made.folder,
            self.protocol.one(made.rows),
            self.protocol.many(made.rows),
            self.prepare.split(),
            {**EVERYWHERE, **self.variables},
        )


PEERS = (
    Peer(FLASK, "flask", f"{PYTHON} flask_app.py {{port}}", protocols.VECTOR),
    Peer(GUNICORN, "flask", f"{GUNICORN_COMMAND} flask_app:app", protocols.VECTOR),
    Peer(
        GUNICORN + STRONGEST,
        "flask",
        f"{GUNICORN_COMMAND} --worker-class gthread --threads 4 flask_onnx:app",
        protocols.PREDICT,
        MODEL,
    ),
    Peer("FastAPI", "fastapi", f"{UVICORN} fastapi_app:threads", protocols.PREDICT),
    Peer("FastAPI" + STRONGEST, "fastapi", f"{QUIET} fastapi_app:loop", protocols.PREDICT, MODEL),
    Peer("Litestar", "litestar", f"{UVICORN} litestar_app:threads", protocols.PREDICT),
    Peer("Litestar" + STRONGEST, "litestar", f"{QUIET} litestar_app:loop", protocols.PREDICT, MODEL),
    Peer("MLflow", "mlflow", f"{MLFLOW} -m mlflow_model", protocols.MLFLOW, prepare=f"{PYTHON} mlflow_model.py"),
    Peer(
        "MLflow" + STRONGEST,
        "mlflow",
        f"{MLFLOW} -m mlflow_onnx",
        protocols.MLFLOW_ONNX,
        {"UVICORN_ACCESS_LOG": "false"},
        f"{PYTHON} mlflow_onnx.py",
    ),
    Peer("BentoML", "bentoml", f"{BENTOML} bentoml_app:Threads", protocols.BENTOML, STORE),
    Peer("BentoML" + STRONGEST, "bentoml", f"{BENTOML} bentoml_app:Loop", protocols.BENTOML, STORE | MODEL),
    Peer("KServe", "kserve", KSERVE, protocols.KSERVE),
    Peer("KServe" + STRONGEST, "kserve", KSERVE_QUIET, protocols.KSERVE, MODEL),
    Peer("MLServer", "mlserver", MLSERVER, protocols.MLSERVER, PORTS | SKLEARN),
    Peer("MLServer" + STRONGEST, "mlserver", MLSERVER, protocols.MLSERVER_ONNX, PORTS | RUNTIME | MODEL),
)


def service(made: Made, name: str = SERVICE, workers: int = 1) -> Server:
    """Return this project's service, with everything on: checks, metrics, and a decision log in a file."""
    command = [PYTHON, str(ROOT / "src" / "mlops.py"), "serve", "--workers", str(workers)]
    variables = {
        "SERVE_BUNDLE": str(made.bundle),
        "SERVE_PORT": "{port}",
        "SERVE_LOG": str(made.folder / f"decisions-{workers}.jsonl"),
    }
    one, many = protocols.VECTOR.one(made.rows), protocols.SERVICE.many(made.rows)
    return Server(name, OWN, command, made.folder, one, many, variables=variables)


def constant(made: Made) -> Server:
    """Return the HTTP stack of the service with an answer of the same length as its own."""
    answer = json.dumps({"prediction": 0, "probability": made.probabilities[0]}, separators=(",", ":"))
    command = [PYTHON, "constant.py", "{port}", answer, str(ROOT / "src")]
    return Server(CONSTANT, OWN, command, made.folder, protocols.VECTOR.one(made.rows))


def servers(made: Made) -> list[Server]:
    """Return all of them, this project's first."""
    return [service(made), service(made, TWO, 2), constant(made), *(peer.server(made) for peer in PEERS)]
