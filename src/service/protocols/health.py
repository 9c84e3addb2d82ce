"""Questions about the model and the server, as several protocols ask them."""

from typing import Any

from lifecycle.bundle.servable import Servable
from service.http_messages import JSON, Reply, Request, json_reply
from service.inputs import faults
from service.protocol import NOTHING, Answer, Endpoint, Inputs
from service.protocols.predictions import Alive, Ready
from service.refusal import Refusal

TEXT = b"text/plain; charset=utf-8"


def alive(path: str, answer: Any = Alive) -> Endpoint:
    """Return a route that says that the process answers, in the protocol's own words."""

    def encode(servable: Servable, inputs: Inputs, _: Answer) -> Reply:
        return json_reply(answer())

    summary = "Whether the process answers"
    return Endpoint(method="GET", path=path, summary=summary, answers={JSON: [answer]}, encode=encode, exempt=True)


def readiness(path: str) -> Endpoint:
    """Return a route that says whether requests should be sent here: 200 or 503."""
    summary, answers = "Whether requests should be sent here", {JSON: [Ready]}
    return Endpoint(
        method="GET", path=path, summary=summary, answers=answers, encode=is_ready, unready=Ready, exempt=True
    )


def is_ready(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say so."""
    return json_reply(Ready(answer.ready), 200 if answer.ready else 503)


def check_model(servable: Servable, name: str | None, version: str | None) -> None:
    """Raise when a request names another model, or another version of it; None: it names none.

    Raises
    ------
    Refusal
        404.
    """
    if name is not None and name != servable.name:
        message = f"no model {faults.short(name)} is served here; there is {servable.name!r}"
        raise Refusal(404, "unknown_model", message)
    if version is not None and version != servable.version:
        message = f"version {faults.short(version)} is not served; there is {servable.version!r}"
        raise Refusal(404, "unknown_version", message)


def check_path(servable: Servable, request: Request) -> None:
    """Do so for what a path names."""
    check_model(servable, request.parameters.get("name"), request.parameters.get("version"))


def about_model(servable: Servable, request: Request, most: int) -> Inputs:
    """Decode a question about the model that a path names."""
    check_path(servable, request)
    return NOTHING
