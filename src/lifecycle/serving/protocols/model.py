"""The one model that is served: what requests that name another get."""

from lifecycle.model.servable import Servable
from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.messages import Inputs, Request

NOTHING = Inputs(None)


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
