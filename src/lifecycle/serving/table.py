"""All routes of the service."""

from collections.abc import Iterator
from functools import partial

from lifecycle.serving.about import About
from lifecycle.serving.http.route import Route
from lifecycle.serving.protocols.table import protocols
from lifecycle.serving.scoring import Scoring
from lifecycle.serving.settings import Settings


def routes(settings: Settings, scoring: Scoring, about: About) -> Iterator[Route]:
    """Yield the routes: what scores or keeps leaves a line in the log, what is asked every few seconds does not."""
    found = protocols(settings.max_rows, settings.predict_route)
    asked = {each.path for each in found if each.method == "GET" and each.exempt}  # they tell readiness already
    for each in found:
        logged, answer = each.method == "POST", partial(scoring.score, each)
        yield Route(each.method, each.path, answer, each.accepts, each.exempt, logged)
    yield Route("POST", "/events", scoring.events)
    for path, about_it in {
        "/metrics": about.metrics,
        "/openapi.json": about.openapi,
        "/docs": about.docs,
    }.items():
        yield Route("GET", path, about_it, logged=False)
    for path, health in {
        "/health/live": about.alive,
        "/health/ready": about.ready,
        **({settings.health_route: about.ready} if settings.health_route not in {"", *asked} else {}),
    }.items():
        yield Route("GET", path, health, exempt=True, logged=False)
