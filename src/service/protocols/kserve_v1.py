"""KServe V1, which is TensorFlow Serving's REST interface: `instances` in rows, `inputs` in columns."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from lifecycle.bundle.servable import Servable
from service.answers.kinds import kind_of
from service.http_messages import JSON, Reply, Request, json_reply
from service.inputs.row_forms import Columns, Rows, from_list, from_named
from service.protocol import CONFLICT, Answer, Endpoint, Examples, Inputs, Protocol
from service.protocols.health import about_model, alive, check_path
from service.protocols.json_body import Forms, parsed
from service.protocols.predictions import Outputs, Predictions, free_form, scored_of
from service.settings import Settings

MODEL = "/v1/models/{name}"
PATHS = (MODEL, f"{MODEL}/versions/{{version}}")
LOOSE = (b"application/x-www-form-urlencoded", b"text/plain")  # what curl and others say of JSON unless told otherwise


class SignedInstances(Struct, forbid_unknown_fields=True):
    """Rows; there is one signature, any name will do."""

    instances: Rows
    signature_name: str = ""


class SignedInputs(Struct, forbid_unknown_fields=True):
    """A list of values for each name, or rows."""

    inputs: Columns
    signature_name: str = ""


class ColumnAnswer(Struct, forbid_unknown_fields=True):
    """The answer to columns."""

    outputs: Outputs


class Models(Struct, forbid_unknown_fields=True):
    """Which models there are."""

    models: list[str]


class Status(Struct, forbid_unknown_fields=True):
    """Whether all is well."""

    error_code: str
    error_message: str


class VersionState(Struct, forbid_unknown_fields=True):
    """The state of a version, as TensorFlow Serving says it."""

    version: str
    state: str
    status: Status


class State(Struct, forbid_unknown_fields=True):
    """The state of the model: what KServe and TensorFlow Serving say, in one object."""

    name: str
    ready: bool
    model_version_status: list[VersionState]


FORMS = Forms(SignedInstances, SignedInputs)


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read `{"instances": [row, ...]}`, or TensorFlow's `{"inputs": ...}`."""
    check_path(servable, request)
    body, pinned = FORMS.read(parsed(request.body)), "version" in request.parameters
    if isinstance(body, SignedInstances):
        return from_list(servable, body.instances, most, "'instances'")._replace(pinned=pinned)
    return read_inputs(servable, body.inputs, most)._replace(about=SignedInputs, pinned=pinned)


def read_inputs(servable: Servable, inputs: Any, most: int) -> Inputs:
    """Read `inputs`: an object with a list for each name, or a list of rows."""
    read = from_named if type(inputs) is dict else from_list
    return read(servable, inputs, most, "'inputs'")


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer rows with `predictions`, columns with `outputs`."""
    if inputs.about is not SignedInputs:
        return free_form(servable, inputs, answer)
    return json_reply(ColumnAnswer(kind_of(servable).outputs(servable, scored_of(answer))))


def listing(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Name the models: there is one."""
    return json_reply(Models([servable.name]))


def state(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say how the model is."""
    version = VersionState(servable.version, "AVAILABLE", Status("OK", ""))
    return json_reply(State(servable.name, answer.ready, [version]), 200 if answer.ready else 503)


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body of each form."""
    return {
        "vectors": {"instances": [rows.vector, rows.vector]},
        "rows by name": {"instances": [rows.row]},
        "columns": {"inputs": {name: [value] for name, value in rows.row.items()}},
    }


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the routes, with and without a version; KServe asks at / whether the process answers."""
    found = [
        alive("/"),
        Endpoint(
            method="GET", path="/v1/models", summary="Which models there are", answers={JSON: [Models]}, encode=listing
        ),
    ]
    for path in PATHS:
        found += [
            Endpoint(
                method="GET", path=path, summary="State of the model", answers={JSON: [State]}, unready=State,
                decode=about_model, encode=state,
            ),
            Endpoint(
                method="POST", path=f"{path}:predict", summary="Score rows or columns", also=LOOSE,
                takes={JSON: [SignedInstances, SignedInputs]}, answers={JSON: [Predictions, ColumnAnswer]},
                examples=examples, refused=CONFLICT, decode=decode, encode=encode,
            ),
        ]  # fmt: skip
    return found


PROTOCOL = Protocol("KServe V1, TensorFlow Serving", endpoints)
