"""Vertex AI: `{"instances": [...], "parameters": {}}` at a path that the platform chooses."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from lifecycle.bundle.servable import Servable
from service.http_messages import JSON, Request
from service.inputs.row_forms import Rows, from_list
from service.protocol import CONFLICT, Endpoint, Examples, Inputs, Protocol
from service.protocols.json_body import Forms, NoParameters, no_parameters, parsed
from service.protocols.predictions import Predictions, free_form
from service.settings import Settings


class Instances(Struct, forbid_unknown_fields=True):
    """Rows of features, or objects."""

    instances: Rows
    parameters: NoParameters = None


FORMS = Forms(Instances)


def decode(servable: Servable, request: Request, most: int) -> Inputs:
    """Read the instances."""
    return read(servable, FORMS.read(parsed(request.body)), most)


def read(servable: Servable, body: Instances, most: int) -> Inputs:
    """Read them from what JSON holds."""
    no_parameters(body.parameters, "parameters")
    return from_list(servable, body.instances, most, "'instances'")


def examples(rows: Examples) -> dict[str, Any]:
    """Return a body of each kind of rows."""
    return {
        "vectors": {"instances": [rows.vector], "parameters": {}},
        "rows by name": {"instances": [rows.row]},
    }


def endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the route, unless /predict is chosen, which reads instances by itself; health has a path of its own."""
    if settings.predict_route == "/predict":
        return []
    return [
        Endpoint(
            method="POST", path=settings.predict_route, summary="Score instances", takes={JSON: [Instances]},
            answers={JSON: [Predictions]}, examples=examples, refused=CONFLICT, decode=decode, encode=free_form,
        )
    ]  # fmt: skip


PROTOCOL = Protocol("Vertex AI", endpoints)
