"""The routes of the protocols that platforms have, described for one model."""

from collections.abc import Iterator
from typing import Any

from lifecycle.serving.document.paths import CSV, JSON, LENGTH, OCTETS, TEXT, Operation
from lifecycle.serving.document.schemas import Schema, of_object, ref
from lifecycle.serving.protocols import plain
from lifecycle.serving.settings import Settings

V1, V2 = "/v1/models/{name}", "/v2/models/{name}"
VERSION = "/versions/{version}"


def version_1(row: dict[str, Any], vector: list[Any]) -> Iterator[Operation]:
    """Yield KServe V1 and TensorFlow Serving."""
    tag = "KServe V1, TensorFlow Serving"
    models = of_object({"models": {"type": "array", "items": {"type": "string"}}})
    yield Operation("/v1/models", "get", "Which models there are", tag, {JSON: models})
    shown = {
        "vectors": {"instances": [vector, vector]},
        "rows by name": {"instances": [row]},
        "columns": {"inputs": {name: [value] for name, value in row.items()}},
    }
    answer = {JSON: {"anyOf": [ref("Predictions"), ref("Columns")]}}
    for path in (V1, f"{V1}{VERSION}"):
        yield Operation(path, "get", "State of the model", tag, {JSON: ref("State")}, unready=ref("State"))
        yield Operation(
            f"{path}:predict", "post", "Score rows or columns", tag, answer, {JSON: ref("Instances")}, shown, (409,)
        )


def version_2(row: dict[str, Any], vector: list[Any]) -> Iterator[Operation]:
    """Yield the Open Inference Protocol."""
    tag = "Open Inference Protocol (V2)"
    text = {"type": "string"}
    server = of_object({"name": text, "version": text, "extensions": {"type": "array", "items": text}})
    yield Operation("/v2", "get", "Name of the server and its extensions", tag, {JSON: server})
    live = of_object({"live": {"const": True}})
    yield Operation("/v2/health/live", "get", "Whether the process answers", tag, {JSON: live}, exempt=True)
    yield _health("/v2/health/ready", tag)
    named = [_tensor(name, [1], [value]) for name, value in row.items()]
    shown = {"a tensor for each feature": {"id": "42", "inputs": named, "outputs": [{"name": "score"}]}}
    if all(type(value) is not str for value in vector):
        shown["one tensor"] = {"inputs": [_tensor("features", [1, len(vector)], vector)]}
    length = {"type": "integer", "minimum": 1}
    headers = [{"name": LENGTH, "in": "header", "schema": length, "description": "bytes of JSON before binary tensors"}]
    takes = {JSON: ref("Infer"), OCTETS: {"type": "string", "format": "binary"}}
    answers = {JSON: ref("Inferred"), OCTETS: {"type": "string", "format": "binary"}}
    for path in (V2, f"{V2}{VERSION}"):
        yield Operation(path, "get", "Names and types of the tensors", tag, {JSON: ref("Metadata")})
        state = ref("ModelReady")
        yield Operation(f"{path}/ready", "get", "Whether the model is ready", tag, {JSON: state}, unready=state)
        yield Operation(f"{path}/infer", "post", "Score tensors", tag, answers, takes, shown, headers=headers)


def platforms(settings: Settings, row: dict[str, Any], vector: list[Any]) -> Iterator[Operation]:
    """Yield MLflow, SageMaker, Vertex AI and Azure ML."""
    split = {"columns": list(row), "index": [0], "data": [vector]}
    shown = {
        "a table": {"dataframe_split": split},
        "records": {"dataframe_records": [row]},
        "instances": {"instances": [vector]},
        "inputs": {"inputs": {name: [value] for name, value in row.items()}},
        "a bare list": [vector],
    }
    answers: dict[str, Schema] = {JSON: {"anyOf": [ref("Predictions"), ref("Columns")]}, CSV: {"type": "string"}}
    takes = {JSON: ref("Invocations"), CSV: {"type": "string"}}
    summary = "Score JSON or CSV; Accept: text/csv asks for lines of prediction, probability and score"
    yield Operation("/invocations", "post", summary, "MLflow, SageMaker", answers, takes, shown, (409,))
    yield _health("/ping", "MLflow, SageMaker")
    yield _health("/health", "MLflow, SageMaker")
    version = {TEXT: {"type": "string"}}
    yield Operation("/version", "get", "Version of the bundle", "MLflow, SageMaker", version, exempt=True)
    instances = {"vectors": {"instances": [vector], "parameters": {}}, "rows by name": {"instances": [row]}}
    found, rows = {JSON: ref("Predictions")}, {JSON: ref("Vertex")}
    if settings.predict_route != plain.PATH:
        yield Operation(settings.predict_route, "post", "Score instances", "Vertex AI", found, rows, instances, (409,))
    data = {"vectors": {"data": [vector]}, "a table": {"input_data": split}}
    yield Operation("/score", "post", "Score rows or a table", "Azure ML", found, {JSON: ref("Score")}, data, (409,))


def _health(path: str, tag: str) -> Operation:
    summary, state = "Whether requests should be sent here", ref("Ready")
    return Operation(path, "get", summary, tag, {JSON: state}, unready=state, exempt=True)


def _tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "BYTES" if type(data[0]) is str else "FP64", "data": data}
