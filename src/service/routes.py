"""Every route of the service: all protocols, and what belongs to none."""

from collections.abc import Iterator
from functools import partial

from service.protocol import Protocol
from service.protocols import health, kserve_v1, plain, platforms, v2
from service.protocols.health import one_more
from service.routing import Route
from service.scoring import Scoring
from service.settings import Settings
from service.status import About


def routes(settings: Settings, scoring: Scoring, about: About) -> Iterator[Route]:
    """Yield the routes: what scores or keeps leaves a line in the log, what is asked every few seconds does not."""
    found = protocols(settings.max_rows, settings.predict_route)
    for each in found:
        logged, answer = each.method == "POST", partial(scoring.score, each)
        yield Route(each.method, each.path, answer, each.accepts, each.exempt, logged)
    yield Route("POST", "/events", scoring.events)
    yield Route("GET", "/metrics", about.metrics, logged=False)
    for path, words in {"/openapi.json": about.openapi, "/docs": about.docs}.items():
        yield Route("GET", path, words, exempt=True, logged=False)  # a browser has no key before it has the page
    for path, ready in {
        "/health/live": about.alive,
        "/health/ready": about.ready,
        **dict.fromkeys(one_more(settings.health_route), about.ready),
    }.items():
        yield Route("GET", path, ready, exempt=True, logged=False)


def protocols(max_rows: int, vertex_path: str = "/vertex/predict") -> tuple[Protocol, ...]:
    """Return the routes of all protocols.

    Parameters
    ----------
    max_rows : int
        Most rows in a request.
    vertex_path : str
        Where Vertex AI sends its instances; /predict reads them already.
    """
    return (
        *plain.routes(max_rows),
        *kserve_v1.routes(max_rows),
        *v2.routes(max_rows),
        *platforms.routes(max_rows),
        *(platforms.vertex_routes(max_rows, vertex_path) if vertex_path != plain.PATH else ()),
        *platforms.azure_routes(max_rows),
        *health.routes(),
    )
