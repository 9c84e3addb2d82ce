"""GET /openapi.json: what this service takes and answers, for the model that it serves."""

from typing import Any

import msgspec

from lifecycle.model.servable import Servable
from lifecycle.serving.document.answers import answers
from lifecycle.serving.document.bodies import bodies
from lifecycle.serving.document.paths import JSON, described
from lifecycle.serving.document.routes import operations
from lifecycle.serving.document.schemas import Schema, ref
from lifecycle.serving.settings import Settings

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
