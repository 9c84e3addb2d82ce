"""All routes of the service."""

from collections.abc import Iterator
from functools import partial

from lifecycle.serving.about import About
from lifecycle.serving.http.route import Route
from lifecycle.serving.protocols.health import one_more
from lifecycle.serving.protocols.table import protocols
from lifecycle.serving.scoring import Scoring
from lifecycle.serving.settings import Settings


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
    for path, health in {
        "/health/live": about.alive,
        "/health/ready": about.ready,
        **dict.fromkeys(one_more(settings.health_route), about.ready),
    }.items():
        yield Route("GET", path, health, exempt=True, logged=False)
