"""Health, metadata and metrics routes."""

from functools import partial
from typing import Any

from lifecycle.bundle.servable import Servable
from service.inputs import faults
from service.messages import Reply, Request
from service.protocol import Answer, Inputs, Protocol
from service.protocols.row_answers import reply
from service.refusal import Refusal

ALIVE = {"/": {"status": "alive"}, "/v2/health/live": {"live": True}}
READY = ("/ping", "/health", "/v2/health/ready")
ANSWERED = frozenset((*ALIVE, *READY, "/version", "/health/live", "/health/ready"))
NOTHING = Inputs(None)


def routes() -> tuple[Protocol, ...]:
    """Return the routes."""
    return (
        *(Protocol("GET", path, asked, partial(alive, content), exempt=True) for path, content in ALIVE.items()),
        *(Protocol("GET", path, asked, is_ready, exempt=True) for path in READY),
        Protocol("GET", "/version", asked, version, exempt=True),
    )


def one_more(path: str) -> tuple[str, ...]:
    """Return the path that a platform has chosen for readiness, unless it is none or answers already."""
    return (path,) if path and path not in ANSWERED else ()


def alive(content: Any, servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say that the process answers: KServe's words at /, the Open Inference Protocol's at its own path."""
    return reply(content)


def is_ready(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Say whether requests should be sent here: 200 or 503."""
    return reply({"ready": answer.ready}, 200 if answer.ready else 503)


def version(servable: Servable, inputs: Inputs, answer: Answer) -> Reply:
    """Give the version of the bundle, as plain text."""
    return Reply(200, b"text/plain; charset=utf-8", servable.version.encode())


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


def asked(servable: Servable, request: Request) -> Inputs:
    """Decode a question about the model or the server: there is nothing to score."""
    check_path(servable, request)
    return NOTHING
