"""Azure ML: rows or a table at /score; / is the liveness route and /health/ready the readiness route."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from lifecycle.bundle.servable import Servable
from service.http_messages import JSON, Reply, Request, json_reply
from service.inputs.row_forms import Rows, from_list, from_split
from service.protocol import CONFLICT, Answer, Endpoint, Examples, Inputs, Protocol
from service.protocols.json_body import Forms, NoParameters, no_parameters, parsed
from service.protocols.predictions import Prediction, Predictions, free_form, predictions
from service.settings import Settings

EITHER = {"anyOf": [{"$ref": "#/components/schemas/Rows"}, {"$ref": "#/components/schemas/Split"}]}


class Data(Struct, forbid_unknown_fields=True):
    """Rows."""

    data: Rows
    params: NoParameters = None


class InputData(Struct, forbid_unknown_fields=True):
    """Rows, or a table."""

    input_data: Annotated[Any, Meta(extra_json_schema=EITHER)]
    params: NoParameters = None


class Wrapped(Struct, forbid_unknown_fields=True):
    """Rows."""

    data: Rows


class Method(Struct, forbid_unknown_fields=True):
    """What clients of automated models say: that they want predictions."""

    method: Literal["predict"] = "predict"


class AutomatedInputs(Struct, forbid_unknown_fields=True):
    """Rows as the endpoints of automated machine learning take them."""

    Inputs: Wrapped
    GlobalParameters: Method | float | None = None


class Results(Struct, forbid_unknown_fields=True):
    """The answer to `Inputs`."""

    Results: Annotated[list[Prediction], Meta(min_length=1)]


FORMS = Forms(Data, InputData, AutomatedInputs)


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read `{"data": [row, ...]}`, `{"input_data": {"columns": [...], "data": [[...]]}}` or `{"Inputs": {"data"}}`."""
    body = FORMS.read(parsed(request.body))
    if isinstance(body, AutomatedInputs):
        return from_list(servable, body.Inputs.data, most, "'data'")._replace(about=AutomatedInputs)
    no_parameters(body.params, "params")
    if isinstance(body, Data):
        return from_list(servable, body.data, most, "'data'")
    read = from_split if type(body.input_data) is dict else from_list
    return read(servable, body.input_data, most, "'input_data'")


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer `Inputs` with `Results`, the others with `predictions`."""
    if inputs.about is AutomatedInputs:
        return json_reply(Results(predictions(servable, answer)))
    return free_form(servable, inputs, answer)


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body of each form."""
    table = {"columns": list(rows.row), "index": [0], "data": [rows.vector]}
    inputs = {"Inputs": {"data": [rows.row]}, "GlobalParameters": {"method": "predict"}}
    return {"vectors": {"data": [rows.vector]}, "a table": {"input_data": table}, "an automated model's": inputs}


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the route."""
    takes, answers = {JSON: [Data, InputData, AutomatedInputs]}, {JSON: [Predictions, Results]}
    return [
        Endpoint(
            method="POST", path="/score", summary="Score rows or a table", takes=takes, answers=answers,
            examples=examples, refused=CONFLICT, decode=decode, encode=encode,
        )
    ]  # fmt: skip


PROTOCOL = Protocol("Azure ML", endpoints)
