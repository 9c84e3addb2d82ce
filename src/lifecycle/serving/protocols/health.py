"""Whether the process lives and whether it is ready, at every path that a platform asks."""

from functools import partial
from typing import Any

from lifecycle.model.servable import Servable
from lifecycle.serving.messages import Answer, Inputs, Protocol, Reply
from lifecycle.serving.protocols.answers import reply
from lifecycle.serving.protocols.model import asked

ALIVE = {"/": {"status": "alive"}, "/v2/health/live": {"live": True}}
READY = ("/ping", "/health", "/v2/health/ready")
ANSWERED = frozenset((*ALIVE, *READY, "/version", "/health/live", "/health/ready"))


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
