"""What the service says of itself: metrics, health, its documentation."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from service.current_model import Current
from service.exchange import Exchange
from service.http_messages import JSON, Reply, Request, json_reply
from service.live_bundle import Live
from service.protocol import Operation
from service.routing import Handler, Route
from service.settings import Settings
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells

HTML, TEXT = b"text/html; charset=utf-8", b"text/plain"
Document = Annotated[dict[str, Any], Meta(description="OpenAPI")]


class ServiceAlive(Struct, forbid_unknown_fields=True):
    """The process answers."""

    alive: Literal[True] = True


class ServiceReady(Struct, forbid_unknown_fields=True):
    """Whether requests should be sent here, and which model would answer them."""

    ready: bool
    model: str
    version: str


class About:
    """Answers about the service.

    Parameters
    ----------
    current : Current
        The model.
    settings : Settings
        What the documentation tells of limits and keys.
    meters : Meters
        Of this process.
    ready : callable
        Tells whether requests should be sent here.

    Attributes
    ----------
    table : sequence of Route
        What the documentation describes.
    """

    def __init__(self, current: Current, settings: Settings, meters: Meters, ready: Callable[[], bool]) -> None:
        self._current, self._settings, self._meters, self._ready = current, settings, meters, ready
        self._described: tuple[Live, bytes, bytes] | None = None
        self.table: Sequence[Route] = ()

    def operations(self) -> Iterator[tuple[Operation, Handler]]:
        """Yield what can be asked, and what answers."""
        yield readiness("/health/ready"), self.ready
        for path, summary, answers, handler, exempt in (
            ("/health/live", "Whether the process answers", {JSON: [ServiceAlive]}, self.alive, True),
            ("/metrics", "Metrics for Prometheus", {TEXT: []}, self.metrics, False),
            ("/openapi.json", "This document", {JSON: [Document]}, self.openapi, True),
            ("/docs", "A page to try it out", {HTML: []}, self.docs, True),  # a browser has no key before it has that
        ):
            yield Operation(method="GET", path=path, summary=summary, answers=answers, exempt=exempt), handler

    async def metrics(self, exchange: Exchange, request: Request) -> Reply:
        """Answer Prometheus, for all processes."""
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        content_type, body = await asyncio.to_thread(_exposed, self._meters.cells, accept)
        return Reply(200, content_type, body)

    def alive(self, exchange: Exchange, request: Request) -> Reply:
        """Say that the process answers."""
        return json_reply(ServiceAlive())

    def ready(self, exchange: Exchange, request: Request) -> Reply:
        """Say whether requests should be sent here, and which model would answer them."""
        ready, servable = self._ready(), self._current.live.servable
        return json_reply(ServiceReady(ready, servable.name, servable.version), 200 if ready else 503)

    def openapi(self, exchange: Exchange, request: Request) -> Reply:
        """Describe all routes."""
        return Reply(200, JSON, self._documents()[0])

    def docs(self, exchange: Exchange, request: Request) -> Reply:
        """Show a page on which they can be tried."""
        return Reply(200, HTML, self._documents()[1])

    def _documents(self) -> tuple[bytes, bytes]:
        """Return the document and the page, made when they are first asked for."""
        live = self._current.live
        if self._described is None or self._described[0] is not live:
            from service.openapi.docs_page import page
            from service.openapi.openapi_document import document

            described = document(live.servable, self._settings, self.table)
            self._described = (live, described, page(live.servable, described))
        return self._described[1:]


def readiness(path: str) -> Operation:
    """Return the question whether requests should be sent here."""
    answers = {JSON: [ServiceReady]}
    return Operation(
        method="GET", path=path, summary="Whether requests should be sent here", answers=answers, unready=ServiceReady,
        exempt=True,
    )  # fmt: skip


def _exposed(cells: Cells, accept: str) -> tuple[bytes, bytes]:
    """Import what takes a while, and is not needed to score, in the thread that the first scrape runs in."""
    from service.telemetry.exposition import text

    return text(cells, accept)
