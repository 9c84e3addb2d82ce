"""KServe V1, which is TensorFlow Serving's REST interface: `instances` in rows, `inputs` in columns."""

from functools import partial
from typing import Any

from lifecycle.bundle.servable import Servable
from service.inputs import faults
from service.messages import JSON, Reply, Request
from service.protocol import Answer, Inputs, Protocol
from service.protocols.health import asked, check_path
from service.protocols.json_body import document, one_of
from service.protocols.row_answers import free_form, from_list, from_named, reply, scored_of

MODEL = "/v1/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"
COLUMNS = "columns"
LOOSE = (b"application/x-www-form-urlencoded", b"text/plain")  # what curl and others say of JSON unless told otherwise


def routes(max_rows: int) -> tuple[Protocol, ...]:
    """Return the routes, with and without a version."""
    read = partial(decode, max_rows)
    return (
        Protocol("GET", "/v1/models", asked, listing),
        *(Protocol("GET", path, asked, status) for path in (MODEL, VERSION)),
        *(Protocol("POST", f"{path}:predict", read, encode, accepts=(JSON, *LOOSE)) for path in (MODEL, VERSION)),
    )


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read `{"instances": [row, ...]}`, or TensorFlow's `{"inputs": ...}`; there is one signature, any name will do."""
    check_path(servable, request)
    body = document(request)
    form = one_of(body, ("instances", "inputs"), ("signature_name",))
    if type(body.get("signature_name", "")) is not str:
        raise faults.wrong_type("'signature_name'", body["signature_name"], "text", "signature_name")
    if form == "instances":
        return from_list(servable, body["instances"], max_rows, "'instances'")
    return read_inputs(servable, body["inputs"], max_rows)._replace(about=COLUMNS)


def read_inputs(servable: Servable, inputs: Any, max_rows: int) -> Inputs:
    """Read `inputs`: an object with a list for each name, or a list of rows."""
    read = from_named if type(inputs) is dict else from_list
    return read(servable, inputs, max_rows, "'inputs'")


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer rows with `predictions`, columns with `outputs`."""
    if inputs.about is not COLUMNS:
        return free_form(answer)
    scored = scored_of(answer)
    columns = {"probability": scored.probability.tolist(), "score": scored.score.tolist()}
    return reply({"outputs": {"prediction": [int(alert) for alert in scored.alert], **columns}})


def listing(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Name the models: there is one."""
    return reply({"models": [servable.name]})


def status(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say of the model what KServe and TensorFlow Serving say, in one object."""
    state = {"version": servable.version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    content = {"name": servable.name, "ready": answer.ready, "model_version_status": [state]}
    return reply(content, 200 if answer.ready else 503)
