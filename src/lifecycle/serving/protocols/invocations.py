"""POST /invocations, which MLflow and SageMaker share: JSON in MLflow's four forms or as a bare list, or CSV."""

from functools import partial

from lifecycle.model.servable import Servable
from lifecycle.serving.messages import JSON, Answer, Inputs, Protocol, Reply, Request
from lifecycle.serving.protocols import table_text
from lifecycle.serving.protocols.answers import free_form, scored_of
from lifecycle.serving.protocols.kserve_v1 import read_inputs
from lifecycle.serving.protocols.reading import document, no_parameters, one_of
from lifecycle.serving.protocols.rows import from_list, from_split

CSV = b"text/csv"
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the route; /ping, /health and /version are with the other questions of health."""
    return (Protocol("POST", "/invocations", partial(decode, max_rows), encode, accepts=(JSON, CSV)),)


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read rows; CSV is told by its content type, a list without a name is SageMaker's."""
    if request.headers.get(b"content-type", b"").strip().lower().startswith(CSV):
        inputs = table_text.decode(servable, request.body, max_rows)
    else:
        inputs = _decode_json(max_rows, servable, request)
    return inputs._replace(about=prefers_csv(request.headers.get(b"accept", b"")))


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions` in JSON, or with lines of prediction, probability and score where CSV is asked for."""
    if inputs.about:
        return Reply(200, CSV, table_text.encode(scored_of(answer)))
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
