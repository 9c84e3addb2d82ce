"""What can be asked of the service: for each path what goes in, what comes out, and how it can be refused."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.serving.document.schemas import Schema, ref

JSON, CSV, OCTETS, TEXT = "application/json", "text/csv", "application/octet-stream", "text/plain"
ANYWHERE = (400, 405, 408, 413, 431, 503)
WITH_BODY = (415, 422)
LENGTH = "Inference-Header-Content-Length"


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
