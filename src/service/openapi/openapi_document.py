"""The service's OpenAPI document, made from the routes and from the types that they decode and answer with."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lifecycle.bundle.servable import Servable
from service.answers.answer_kind import AnswerKind
from service.answers.kinds import kind_of
from service.openapi.model_schemas import Schema, any_of, examples, keeps_events, ref, schemas
from service.protocol import Endpoint, Examples, Operation
from service.refusal import Error
from service.routing import Route
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
    501: "A transfer coding that is not read here.",
    503: "Overloaded, starting or ending; try again.",
}
JSON = "application/json"
ANYWHERE = (400, 405, 408, 413, 431, 501, 503)
WITH_BODY = (415, 422)
TEMPLATE = "#/components/schemas/{name}"
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
ENTITY = {
    "name": "X-Entity",
    "in": "header",
    "schema": {"type": "string"},
    "description": "whose the rows are, where they do not say it: decides which model answers while one is tried",
}


def document(servable: Servable, settings: Settings, table: Sequence[Route]) -> bytes:
    """Return the OpenAPI 3.1 document as JSON.

    Parameters
    ----------
    servable : Servable
        Whose features, columns and examples it holds.
    settings : Settings
        Limits and keys.
    table : sequence of Route
        What it describes, by the tag of each; events only where they are kept.
    """
    shown = [each for each in table if each.path != "/events" or keeps_events(servable, settings)]
    tags = list(dict.fromkeys(each.tag for each in shown))
    names, keys = {"name": servable.name, "version": servable.version}, bool(settings.api_keys)
    rows, paths, kind = examples(servable, settings), dict[str, Schema](), kind_of(servable)
    for route in sorted(shown, key=lambda each: tags.index(each.tag)):
        if route.operation is not None:
            more = (
                [ENTITY] if settings.route and route.operation.takes and isinstance(route.operation, Endpoint) else []
            )
            described = _described(route.operation, rows, names, keys, more)
            paths.setdefault(route.path, {})[route.method.lower()] = {"tags": [route.tag], **described}
    content = {
        "openapi": "3.1.0",
        "info": {"title": servable.name, "version": servable.version, "summary": kind.summary(servable)},
        "paths": paths,
        "components": {
            "schemas": _components(shown, kind) | schemas(servable, settings),
            "responses": {str(status): _refusal(status, said) for status, said in STATUSES.items()},
            **({"securitySchemes": KEYS} if keys else {}),
        },
    }
    return msgspec.json.encode(content)


def _components(table: Sequence[Route], kind: AnswerKind) -> dict[str, Schema]:
    """Return the schemas of all structs that routes decode and answer with."""
    types: list[Any] = [Error, *kind.types]
    for operation in (each.operation for each in table if each.operation is not None):
        types += [kind for kinds in (*operation.answers.values(), *(operation.takes or {}).values()) for kind in kinds]
        types += [operation.unready] if operation.unready else []
    return msgspec.json.schema_components(types, ref_template=TEMPLATE)[1]


def _schema(types: Sequence[Any]) -> Schema:
    """Return the schema of what is one of some types; of text and bytes there is no more to say."""
    if not types:
        return {"type": "string"}
    return any_of(*msgspec.json.schema_components(types, ref_template=TEMPLATE)[0])


def _content(kinds: Mapping[bytes, Sequence[Any]], shown: Mapping[str, Any] | None = None) -> Schema:
    found: Schema = {kind.partition(b";")[0].decode(): {"schema": _schema(types)} for kind, types in kinds.items()}
    if shown:
        found[JSON]["examples"] = {name: {"summary": name, "value": value} for name, value in shown.items()}
    return found


def _refusal(status: int, said: str) -> Schema:
    found: Schema = {"description": said, "content": {JSON: {"schema": ref("Error")}}}
    if status == 405:
        found["headers"] = {"Allow": {"required": True, "schema": {"type": "string"}}}
    return found


def _described(
    operation: Operation, rows: Examples, names: Mapping[str, str], keys: bool, more: Sequence[Schema]
) -> Schema:
    """Return an operation as OpenAPI has it; `names` is what stands at `{name}` in paths, `more` are headers."""
    inside = [name for name in names if f"{{{name}}}" in operation.path]
    secured = keys and not operation.exempt
    statuses = {*ANYWHERE, *operation.refused, *(WITH_BODY if operation.takes else ())}
    statuses |= {404} if inside else set()
    statuses |= {401} if secured else set()
    answers: Schema = {"200": {"description": "The answer.", "content": _content(operation.answers)}}
    answers |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    if operation.unready is not None:
        content = {JSON: {"schema": {"anyOf": [_schema([operation.unready]), ref("Error")]}}}
        answers["503"] = {"description": "Not ready, or overloaded.", "content": content}
    found = {
        "summary": operation.summary,
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{operation.path}").rstrip("_"),
        "parameters": [*(_in_path(name, names[name]) for name in inside), *operation.headers, *more],
        "responses": answers,
    }
    if operation.takes:
        body = _content(operation.takes, operation.examples(rows))
        found["requestBody"] = {"required": True, "content": body}
    return found | ({"security": [{"bearer": []}, {"key": []}]} if secured else {})


def _in_path(name: str, value: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}
