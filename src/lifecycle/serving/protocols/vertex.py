"""Vertex AI: `{"instances": [...], "parameters": {}}` at the path that the platform chooses."""

from functools import partial
from typing import Any

from lifecycle.model.servable import Servable
from lifecycle.serving.messages import Answer, Inputs, Protocol, Reply, Request
from lifecycle.serving.protocols.answers import free_form
from lifecycle.serving.protocols.reading import document, no_parameters, one_of
from lifecycle.serving.protocols.rows import from_list


def routes(max_rows: int, path: str) -> tuple[Protocol, ...]:
    """Return the route; health is asked at a path of its own."""
    return (Protocol("POST", path, partial(decode, max_rows), encode),)


def decode(max_rows: int, servable: Servable, request: Request) -> Inputs:
    """Read the instances: rows of features, or objects."""
    return read(servable, document(request), max_rows)


def read(servable: Servable, body: Any, max_rows: int) -> Inputs:
    """Read them from what JSON holds."""
    one_of(body, ("instances",), ("parameters",))
    no_parameters(body.get("parameters"), "parameters")
    return from_list(servable, body["instances"], max_rows, "'instances'")


def encode(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Answer with `predictions`."""
    return free_form(answer)
