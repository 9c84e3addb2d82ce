"""Azure ML: POST /score with `data`, or with the `input_data` of its managed endpoints."""

from functools import partial

from lifecycle.model.servable import Servable
from lifecycle.serving.messages import Answer, Inputs, Protocol, Reply, Request
from lifecycle.serving.protocols.answers import free_form
from lifecycle.serving.protocols.reading import document, no_parameters, one_of
from lifecycle.serving.protocols.rows import from_list, from_split


def routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the scoring route; / is the liveness route and /health/ready the readiness route."""
    return (Protocol("POST", "/score", partial(decode, max_rows), encode),)


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read `{"data": [row, ...]}` or `{"input_data": {"columns": [...], "index": [...], "data": [[...]]}}`."""
    body = document(request)
    form = one_of(body, ("data", "input_data"), ("params",))
    no_parameters(body.get("params"), "params")
    read = from_split if form == "input_data" and type(body[form]) is dict else from_list
    return read(servable, body[form], max_rows, f"'{form}'")


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions`."""
    return free_form(answer)
