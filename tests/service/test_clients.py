"""The protocols' own clients, and platforms' exact requests, against the running service."""

import functools
import itertools
import json
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from lifecycle.bundle.servable import Batch, Servable
from tests.graph import ROOT
from tests.helpers_tools import environment
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import Service, service, small_bundle

pytestmark = pytest.mark.slow
CLIENTS = ROOT / "tests/service/clients"


@pytest.fixture(scope="module")
def servable(tmp_path_factory) -> Servable:
    return history_bundle(tmp_path_factory.mktemp("clients") / "bundle")


@pytest.fixture(scope="module")
def running(servable, tmp_path_factory):
    with service(tmp_path_factory.mktemp("service"), servable.folder, store="memory") as running:
        yield running


@pytest.fixture(scope="module")
def rows(servable) -> list[list[float]]:
    return np.round(np.random.default_rng(8).random((5, len(servable.features))) * 60, 3).tolist()


@pytest.fixture(scope="module")
def scores(servable, rows) -> list[float]:
    found = servable.score(Batch(np.array(rows))).score.tolist()
    assert len(set(found)) > 2  # otherwise an answer in the wrong order would pass
    return found


@pytest.mark.parametrize("lock", sorted(CLIENTS.glob("*.lock")), ids=lambda lock: lock.stem)
def test_a_lock_names_no_address_and_every_hash(lock):
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"^[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)


def talk(name: str, *arguments: Any) -> Any:
    """Return what a client that runs in its own environment has found."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in arguments]
    command = [environment(CLIENTS / f"{name}.lock"), CLIENTS / f"{name}_client.py", *texts]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=inherited)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="kserve has no release for Python 3.14")
def test_kserve(running, servable, rows, scores):
    found = talk("kserve", f"http://127.0.0.1:{running.port}", servable.name, rows)
    assert found["v1"]["live"] is found["v1"]["ready"] is True
    assert found["v1"]["scores"] == scores
    assert "row 0 has 1 values" in found["v1"]["refused"]
    assert found["v2"]["live"] is found["v2"]["ready"] is True
    assert found["v2"]["ids"] == ["mine"] * 3
    assert found["v2"]["scores"] == [scores] * 3


@pytest.mark.nightly
def test_mlflow(running, servable, rows, scores):
    found = talk("mlflow", str(running.port), list(servable.features), rows)
    assert found["version"] == servable.version
    assert set(found["scores"]) == {"frame", "shuffled", "array", "list", "records", "instances", "params"}
    assert all(answer == scores for answer in found["scores"].values())
    assert "error code 422" in found["refused"]
    assert "temperature" in found["refused"]


@pytest.fixture
def client(running):
    with triton.InferenceServerClient(f"127.0.0.1:{running.port}") as client:
        yield client


@functools.cache
def tensor(name: str, values: tuple[Any, ...], kind: str, binary: bool) -> triton.InferInput:
    array = np.array(values, dtype=object if kind == "BYTES" else {"FP64": "f8", "FP32": "f4", "INT64": "i8"}[kind])
    return triton.InferInput(name, list(array.shape), kind).set_data_from_numpy(array, binary_data=binary)


def test_triton_asks_for_health_and_metadata(client, servable):
    name = servable.name
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(name)
    assert client.is_model_ready(name, servable.version)
    assert not client.is_model_ready("another")
    assert not client.is_model_ready(name, "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata(name)
    assert metadata == client.get_model_metadata(name, servable.version)
    assert [each["name"] for each in metadata["inputs"]] == list(servable.features)
    assert {each["name"]: each["datatype"] for each in metadata["outputs"]} == {
        "prediction": "INT64",
        "probability": "FP64",
        "score": "FP64",
    }


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", list(itertools.product([False, True], [False, True, None])))
def test_triton_infers(client, servable, rows, scores, binary, compression):
    binary_in, binary_out = binary
    names = ["score", "prediction"]
    wanted = binary_out is not None and [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    answer = client.infer(
        servable.name,
        [tensor("features", tuple(map(tuple, rows)), "FP64", binary_in)],
        model_version=servable.version,
        request_id="r-1",
        outputs=wanted or None,
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    assert answer.as_numpy("score").tolist() == scores
    assert answer.as_numpy("prediction").tolist() == [score >= servable.threshold for score in scores]
    assert (answer.as_numpy("probability") is None) == bool(wanted)
    assert answer.get_response()["id"] == "r-1"


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("kind", ["FP32", "FP64", "INT64"])
def test_triton_infers_from_what_the_metadata_names(client, servable, kind, binary):
    values = [[float(i + j) for j in range(len(servable.features))] for i in range(3)]
    named = zip(client.get_model_metadata(servable.name)["inputs"], zip(*values, strict=True), strict=True)
    answer = client.infer(servable.name, [tensor(each["name"], column, kind, binary) for each, column in named])
    assert answer.as_numpy("score").tolist() == servable.score(Batch(np.array(values))).score.tolist()


def test_triton_reads_why_it_is_refused(client, servable, rows):
    flawed = {
        "has shape": [tensor("features", ((1, 2),), "INT64", True)],
        "lacks": [tensor("amount", (1.0,), "FP64", False)],
        "not between": [tensor("features", ((1e39, *rows[0][1:]),), "FP64", True)],
        "is missing": [tensor("features", ((float("nan"), *rows[0][1:]),), "FP64", True)],
    }
    for words, inputs in flawed.items():
        with pytest.raises(InferenceServerException, match=words) as refused:
            client.infer(servable.name, inputs)
        assert refused.value.status() == "422"
    with pytest.raises(InferenceServerException, match="no model 'another'") as unknown:
        client.infer("another", [tensor("features", tuple(map(tuple, rows)), "FP64", True)])
    assert unknown.value.status() == "404"


@pytest.mark.parametrize("binary", [False, True])
def test_triton_sends_text(tmp_path, binary):
    bundle = small_bundle(tmp_path / "bundle")
    servable = Servable.load(bundle)
    columns = {"number": (0.25, 0.75, 0.5), "gaps": (40.0, 50.0, 60.0), "shop": ("bakery", "garage", "Zoë's")}
    kinds = {"number": "FP64", "gaps": "FP64", "shop": "BYTES"}
    numbers = np.array([columns["number"], columns["gaps"]]).T.copy()
    texts = np.array([[shop] for shop in columns["shop"]], dtype=object)
    inputs = [tensor(name, values, kinds[name], binary) for name, values in columns.items()]
    with service(tmp_path, bundle) as running, triton.InferenceServerClient(f"127.0.0.1:{running.port}") as client:
        found = client.infer(servable.name, inputs).as_numpy("score").tolist()
    assert found == servable.score(Batch(numbers, texts)).score.tolist()
    assert len(set(found)) == 3


def test_sagemaker(running: Service, servable, rows, scores):
    assert running.ask("GET", "/ping").status == 200
    sent = {"x_amzn_sagemaker_custom_attributes": "trace=1", "user_agent": "AHC/2.0"}
    lines = "\n".join(",".join(map(repr, row)) for row in rows).encode()
    headed = ",".join(servable.features).encode() + b"\r\n" + lines.replace(b"\n", b"\r\n") + b"\r\n"
    for body in (lines, headed):
        for kind in ("text/csv", "text/csv; charset=utf-8"):
            answer = running.ask("POST", "/invocations", body, content_type=kind, accept="text/csv", **sent)
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/csv")
            table = [line.split(",") for line in answer.body.decode().splitlines()]
            assert [float(line[2]) for line in table] == scores
            assert [line[0] for line in table] == [str(int(score >= servable.threshold)) for score in scores]
    for accept in ("application/json", "*/*", "application/json, text/csv"):
        answer = running.ask("POST", "/invocations", lines, content_type="text/csv", accept=accept, **sent)
        assert [row["score"] for row in answer.json["predictions"]] == scores
    answer = running.ask("POST", "/invocations", rows, accept="application/json", **sent)
    assert [row["score"] for row in answer.json["predictions"]] == scores


def test_vertex(servable, rows, scores, tmp_path):
    """The container is told its routes and its port by variables of the platform."""
    with service(tmp_path, servable.folder, predict_route="/v1/projects/1/p", health_route="/v1/h") as running:
        assert running.ask("GET", "/v1/h").status == 200
        answer = running.ask("POST", "/v1/projects/1/p", {"instances": rows, "parameters": {}})
        assert [row["score"] for row in answer.json["predictions"]] == scores
        named = [dict(zip(servable.features, row, strict=True)) for row in rows]
        answer = running.ask("POST", "/v1/projects/1/p", {"instances": named})
        assert [row["score"] for row in answer.json["predictions"]] == scores


def test_azure(running: Service, servable, rows, scores):
    assert running.ask("GET", "/").status == running.ask("GET", "/health/ready").status == 200
    table = {"columns": list(servable.features), "index": list(range(len(rows))), "data": rows}
    for body in ({"data": rows}, {"input_data": table}, {"input_data": table, "params": {}}):
        answer = running.ask("POST", "/score", body, authorization="Bearer token", azureml_model_deployment="blue")
        assert [row["score"] for row in answer.json["predictions"]] == scores


def test_tensorflow_serving(running: Service, servable, rows, scores):
    path = f"/v1/models/{servable.name}"
    (version,) = running.ask("GET", path).json["model_version_status"]
    assert (version["version"], version["state"]) == (servable.version, "AVAILABLE")
    body = {"signature_name": "serving_default", "instances": rows}
    for where in (path, f"{path}/versions/{version['version']}"):
        answer = running.ask("POST", f"{where}:predict", body)
        assert [row["score"] for row in answer.json["predictions"]] == scores
    columns = dict(zip(servable.features, map(list, zip(*rows, strict=True)), strict=True))
    assert running.ask("POST", f"{path}:predict", {"inputs": columns}).json["outputs"]["score"] == scores


def test_a_raw_transaction_is_scored_in_every_protocol_that_names_columns(running: Service):
    raw = {"transaction_id": 7, "tx_time": "2018-06-01T12:30:00Z", "customer_id": 1, "terminal_id": 2, "amount": 12.5}
    one = running.ask("POST", "/predict", {"records": [raw]}).json["predictions"][0]
    columns, data = list(raw), [list(raw.values())]
    for path, body in {
        "/v1/models/shops:predict": {"instances": [raw]},
        "/vertex/predict": {"instances": [raw]},
        "/score": {"input_data": {"columns": columns, "index": [0], "data": data}},
        "/invocations": {"dataframe_split": {"columns": columns, "data": data}},
    }.items():
        (answer,) = running.ask("POST", path, body).json["predictions"]
        assert answer == {name: one[name] for name in ("prediction", "probability", "score")}
    text = f"{','.join(columns)}\n{','.join(map(str, data[0]))}\n".encode()
    (answer,) = running.ask("POST", "/invocations", text, content_type="text/csv").json["predictions"]
    assert answer["score"] == one["score"]
