"""The service's OpenAPI document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from lifecycle.bundle.servable import Servable
from service.openapi import openapi_schemas
from service.openapi.openapi_schemas import Schema, answers, bodies, keeps_history, of_object, ref, takes_transactions
from service.protocols import plain
from service.protocols.health import one_more
from service.settings import Settings

STATUSES = {
    400: "The body is no JSON, CSV or binary tensors.",
    401: "The API key is missing or unknown.",
    404: "No such model, or no such version of it.",
    405: "Another method is needed.",
    408: "The request took too long to arrive.",
    409: "The transaction contradicts what is kept, or is too late to be put in its place.",
    413: "The body is too large, or has too many rows.",
    415: "The content type or encoding is not one that is read here.",
    422: "The content is not what the model takes; `error` names row and field.",
    431: "The headers are too large.",
    503: "Overloaded, starting or ending; try again.",
}
JSON, CSV, OCTETS, TEXT = "application/json", "text/csv", "application/octet-stream", "text/plain"
ANYWHERE = (400, 405, 408, 413, 431, 503)
WITH_BODY = (415, 422)
LENGTH = "Inference-Header-Content-Length"
TAG = "Predictions and events"
V1, V2 = "/v1/models/{name}", "/v2/models/{name}"
VERSION = "/versions/{version}"


def document(servable: Servable, settings: Settings) -> bytes:
    """Return the OpenAPI 3.1 document as JSON.

    Parameters
    ----------
    servable : Servable
        Whose features, columns and examples it holds.
    settings : Settings
        Limits and routes.
    """
    names, keys = {"name": servable.name, "version": servable.version}, bool(settings.api_keys)
    paths: dict[str, Schema] = {}
    for each in operations(servable, settings):
        paths.setdefault(each.path, {})[each.method] = described(each, names, keys)
    components = {
        "schemas": answers() | bodies(servable, settings),
        "responses": {str(status): _refusal(status, said) for status, said in STATUSES.items()},
    }
    if keys:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
    info = {"title": servable.name, "version": servable.version, "summary": _summary(servable)}
    return msgspec.json.encode({"openapi": "3.1.0", "info": info, "paths": paths, "components": components})


def _summary(servable: Servable) -> str:
    return f"Scores of {servable.schema['problem']}; an alert is raised at a score of {servable.threshold:g} or more."


def _refusal(status: int, said: str) -> dict[str, Any]:
    found: dict[str, Any] = {"description": said, "content": {JSON: {"schema": ref("Error")}}}
    if status == 405:
        found["headers"] = {"Allow": {"required": True, "schema": {"type": "string"}}}
    return found


class Operation(NamedTuple):
    """One method of one path.

    Parameters
    ----------
    path, method, summary, tag : str
        Where it is, and what it is for.
    answers : mapping of str to Schema
        By content type, of status 200.
    takes : mapping of str to Schema
        Bodies, by content type.
    examples : mapping of str to Any
        JSON bodies by what they show.
    refused : sequence of int
        Statuses that only this one has.
    headers : sequence of Schema
        Parameters that are headers.
    unready : Schema, optional
        What a 503 says that is no refusal.
    exempt : bool
        Whether it needs no API key.
    """

    path: str
    method: str
    summary: str
    tag: str
    answers: Mapping[str, Schema]
    takes: Mapping[str, Schema] = {}
    examples: Mapping[str, Any] = {}
    refused: Sequence[int] = ()
    headers: Sequence[Schema] = ()
    unready: Schema | None = None
    exempt: bool = False


def described(operation: Operation, names: Mapping[str, str], keys: bool) -> Schema:
    """Return an operation as OpenAPI has it.

    Parameters
    ----------
    operation : Operation
        What to describe.
    names : mapping of str to str
        What stands at `{name}` in paths.
    keys : bool
        Whether API keys are asked for.
    """
    inside = [name for name in names if f"{{{name}}}" in operation.path]
    secured = keys and not operation.exempt
    statuses = {*ANYWHERE, *operation.refused, *(WITH_BODY if operation.takes else ())}
    statuses |= {404} if inside else set()
    statuses |= {401} if secured else set()
    answers: Schema = {"200": {"description": "The answer.", "content": _content(operation.answers)}}
    answers |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    if operation.unready is not None:
        content = _content({JSON: {"anyOf": [operation.unready, ref("Error")]}})
        answers["503"] = {"description": "Not ready, or overloaded.", "content": content}
    found = {
        "summary": operation.summary,
        "operationId": _identity(operation),
        "tags": [operation.tag],
        "parameters": [*(_in_path(name, names[name]) for name in inside), *operation.headers],
        "responses": answers,
    }
    if operation.takes:
        found["requestBody"] = {"required": True, "content": _content(operation.takes, operation.examples)}
    return found | ({"security": [{"bearer": []}, {"key": []}]} if secured else {})


def _content(schemas: Mapping[str, Schema], examples: Mapping[str, Any] | None = None) -> Schema:
    found: Schema = {kind: {"schema": schema} for kind, schema in schemas.items()}
    if examples:
        found[JSON]["examples"] = {name: {"summary": name, "value": value} for name, value in examples.items()}
    return found


def _in_path(name: str, value: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}


def _identity(operation: Operation) -> str:
    words = operation.path.replace("{", "").replace("}", "").replace(":", "/").strip("/") or "root"
    return f"{operation.method}_{words.replace('/', '_').replace('.', '_')}"


def operations(servable: Servable, settings: Settings) -> Iterator[Operation]:
    """Yield what can be asked, in the order in which a reader wants it."""
    row = openapi_schemas.features(servable)
    vector = list(row.values())
    raw = openapi_schemas.transaction(servable) if takes_transactions(servable, settings) else None
    yield from _own(row, raw, min(3, servable.most_reasons))
    if settings.store != "none" and keeps_history(servable):
        body = {"events": [openapi_schemas.transaction(servable), {"label": openapi_schemas.label(servable)}]}
        yield Operation(
            "/events",
            "post",
            "Keep transactions that have happened and labels that have become known; answered once they are on disk",
            TAG,
            {JSON: ref("Kept")},
            {JSON: ref("Events")},
            {"a transaction, and its label": body},
            refused=(409,),
        )
    yield from version_1(row, vector)
    yield from version_2(row, vector)
    yield from platforms(settings, row, vector)
    yield from _service(settings)


def _own(row: dict[str, Any], raw: dict[str, Any] | None, reasons: int) -> Iterator[Operation]:
    shown: dict[str, Any] = {"one vector": {"features": list(row.values())}}
    shown["rows by name, with reasons"] = {"records": [row], "reasons": reasons}
    if raw is not None:
        shown["raw transactions"] = {"records": [raw]}
    yield Operation(
        "/predict",
        "post",
        "Score one vector of features, or named rows with reasons",
        TAG,
        {JSON: {"anyOf": [ref("OnePrediction"), ref("Decisions"), ref("Predictions")]}},
        {JSON: ref("Predict")},
        shown,
        refused=() if raw is None else (409,),
    )


def _service(settings: Settings) -> Iterator[Operation]:
    alive = {JSON: of_object({"status": {"const": "alive"}})}
    yield Operation("/", "get", "Whether the process answers", "service", alive, exempt=True)
    yield Operation("/health/live", "get", "Whether the process answers", "service", {JSON: ref("Alive")}, exempt=True)
    for path in ("/health/ready", *one_more(settings.health_route)):
        state = ref("ServiceReady")
        summary = "Whether requests should be sent here"
        yield Operation(path, "get", summary, "service", {JSON: state}, unready=state, exempt=True)
    yield Operation("/metrics", "get", "Metrics for Prometheus", "service", {TEXT: {"type": "string"}})
    yield Operation("/openapi.json", "get", "This document", "service", {JSON: {"type": "object"}}, exempt=True)
    page = {"text/html": {"type": "string"}}
    yield Operation("/docs", "get", "A page to try it out", "service", page, exempt=True)


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
