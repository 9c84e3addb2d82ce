"""Azure ML: rows or a table at /score; / is the liveness route and /health/ready the readiness route."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from lifecycle.bundle.servable import Servable
from service.inputs.row_forms import Rows, from_list, from_split
from service.messages import JSON, Request
from service.protocol import CONFLICT, Endpoint, Examples, Inputs, Protocol
from service.protocols.json_body import Forms, NoParameters, document, no_parameters
from service.protocols.predictions import Predictions, free_form
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


FORMS = Forms(Data, InputData)


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read `{"data": [row, ...]}` or `{"input_data": {"columns": [...], "index": [...], "data": [[...]]}}`."""
    body = FORMS.read(document(request))
    no_parameters(body.params, "params")
    if isinstance(body, Data):
        return from_list(servable, body.data, most, "'data'")
    read = from_split if type(body.input_data) is dict else from_list
    return read(servable, body.input_data, most, "'input_data'")


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body of each form."""
    table = {"columns": list(rows.row), "index": [0], "data": [rows.vector]}
    return {"vectors": {"data": [rows.vector]}, "a table": {"input_data": table}}


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the route."""
    return [
        Endpoint(
            method="POST", path="/score", summary="Score rows or a table", takes={JSON: [Data, InputData]},
            answers={JSON: [Predictions]}, examples=examples, refused=CONFLICT, decode=decode, encode=free_form,
        )
    ]  # fmt: skip


PROTOCOL = Protocol("Azure ML", endpoints)
