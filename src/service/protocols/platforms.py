"""The protocols of Azure ML, Vertex AI, and of MLflow and SageMaker (`/invocations`)."""

from functools import partial
from typing import Any

from lifecycle.bundle.servable import Servable
from service.messages import JSON, Reply, Request
from service.protocol import Answer, Inputs, Protocol
from service.protocols import row_answers
from service.protocols.json_body import document, no_parameters, one_of
from service.protocols.kserve_v1 import read_inputs
from service.protocols.row_answers import free_form, from_list, from_split, scored_of

CSV = b"text/csv"
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def azure_routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the scoring route; / is the liveness route and /health/ready the readiness route."""
    return (Protocol("POST", "/score", partial(decode_azure, max_rows), encode_azure),)


def decode_azure(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read `{"data": [row, ...]}` or `{"input_data": {"columns": [...], "index": [...], "data": [[...]]}}`."""
    body = document(request)
    form = one_of(body, ("data", "input_data"), ("params",))
    no_parameters(body.get("params"), "params")
    read = from_split if form == "input_data" and type(body[form]) is dict else from_list
    return read(servable, body[form], max_rows, f"'{form}'")


def encode_azure(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions`."""
    return free_form(answer)


def vertex_routes(max_rows: int, path: str) -> tuple[Protocol, ...]:
    """Return the route; health is asked at a path of its own."""
    return (Protocol("POST", path, partial(decode_vertex, max_rows), encode_vertex),)


def decode_vertex(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read the instances: rows of features, or objects."""
    return read(servable, document(request), max_rows)


def read(servable: Servable, body: Any, max_rows: int) -> Inputs:
    """Read them from what JSON holds."""
    one_of(body, ("instances",), ("parameters",))
    no_parameters(body.get("parameters"), "parameters")
    return from_list(servable, body["instances"], max_rows, "'instances'")


def encode_vertex(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions`."""
    return free_form(answer)


def routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the route; /ping, /health and /version are with the other questions of health."""
    return (Protocol("POST", "/invocations", partial(decode, max_rows), encode, accepts=(JSON, CSV)),)


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read rows; CSV is told by its content type, a list without a name is SageMaker's."""
    if request.headers.get(b"content-type", b"").strip().lower().startswith(CSV):
        inputs = row_answers.decode(servable, request.body, max_rows)
    else:
        inputs = _decode_json(max_rows, servable, request)
    return inputs._replace(about=prefers_csv(request.headers.get(b"accept", b"")))


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions` in JSON, or with lines of prediction, probability and score where CSV is asked for."""
    if inputs.about:
        return Reply(200, CSV, row_answers.encode(scored_of(answer)))
    return free_form(answer)


def prefers_csv(accept: bytes) -> bool:
    """Tell whether an Accept header ranks CSV above JSON; at the same rank what it names first goes first."""
    weights = {CSV: 0.0, JSON: 0.0}
    for rank, part in enumerate(accept.lower().split(b",")):
        kind, *parameters = (piece.strip() for piece in part.split(b";"))
        if kind in weights:
            weights[kind] = _quality(parameters) - rank * 1e-6
    return weights[CSV] > max(weights[JSON], 0)


def _quality(parameters: list[bytes]) -> float:
    try:
        return next((float(each.removeprefix(b"q=")) for each in parameters if each.startswith(b"q=")), 1.0)
    except ValueError:
        return 0.0


def _decode_json(max_rows: int, servable: Servable, request: Request) -> Inputs:
    body = document(request)
    if type(body) is list:
        return from_list(servable, body, max_rows, "the body")
    form = one_of(body, FORMS, ("params",))
    no_parameters(body.get("params"), "params")
    if form == "dataframe_split":
        return from_split(servable, body[form], max_rows, f"'{form}'")
    if form == "inputs":
        return read_inputs(servable, body[form], max_rows)
    return from_list(servable, body[form], max_rows, f"'{form}'")
