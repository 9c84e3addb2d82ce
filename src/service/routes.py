"""Every route of the service: all protocols, and what belongs to none."""

from collections.abc import Sequence
from functools import partial

from service.management_endpoints import About, readiness
from service.protocol import Endpoint, Operation, Protocol
from service.protocols import azure_ml, invocations, kserve_v1, open_inference, plain, vertex_ai
from service.routing import Handler, Route
from service.scoring import EVENTS, Scoring
from service.settings import Settings

PROTOCOLS: tuple[Protocol, ...] = (
    plain.PROTOCOL,
    kserve_v1.PROTOCOL,
    open_inference.PROTOCOL,
    invocations.PROTOCOL,
    vertex_ai.PROTOCOL,
    azure_ml.PROTOCOL,
)


def endpoints(settings: Settings, protocols: Sequence[Protocol] = PROTOCOLS) -> list[tuple[str, Endpoint]]:
    """Return the routes of all protocols, each with the protocol's name."""
    return [(protocol.name, each) for protocol in protocols for each in protocol.endpoints(settings)]


def routes(
    settings: Settings, scoring: Scoring, about: About, protocols: Sequence[Protocol] = PROTOCOLS
) -> list[Route]:
    """Return all routes: what scores or keeps leaves a line in the log, what is asked every few seconds does not."""
    found = [_route(name, each, partial(scoring.score, each)) for name, each in endpoints(settings, protocols)]
    found.append(_route(plain.PROTOCOL.name, EVENTS, scoring.events))
    found += [_route("service", operation, answer) for operation, answer in about.operations()]
    chosen = settings.health_route
    if chosen and chosen not in {route.path for route in found}:
        found.append(_route("service", readiness(chosen), about.ready))
    about.table = found
    return found


def _route(tag: str, operation: Operation, answer: Handler) -> Route:
    logged = operation.method == "POST"
    return Route(operation.method, operation.path, answer, operation.accepts, operation.exempt, logged, operation, tag)
