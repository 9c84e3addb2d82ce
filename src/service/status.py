"""What the service says of itself: metrics, health, its documentation."""

import asyncio
from collections.abc import Callable

from service.exchange import Exchange
from service.live_bundle import Current
from service.messages import JSON, Reply, Request, json_reply
from service.telemetry.cells import Cells
from service.telemetry.service_metrics import Meters


class About:
    """Answers about the service.

    Parameters
    ----------
    current : Current
        The model.
    meters : Meters
        Of this process.
    ready : callable
        Tells whether requests should be sent here.
    """

    def __init__(self, current: Current, meters: Meters, ready: Callable[[], bool]) -> None:
        self._current, self._meters, self._ready = current, meters, ready

    async def metrics(self, exchange: Exchange, request: Request) -> Reply:
        """Answer Prometheus, for all processes."""
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        content_type, body = await asyncio.to_thread(_exposed, self._meters.cells, accept)
        return Reply(200, content_type, body)

    async def alive(self, exchange: Exchange, request: Request) -> Reply:
        """Say that the process answers."""
        return json_reply({"alive": True})

    async def ready(self, exchange: Exchange, request: Request) -> Reply:
        """Say whether requests should be sent here, and which model would answer them."""
        ready, servable = self._ready(), self._current.live.servable
        content = {"ready": ready, "model": servable.name, "version": servable.version}
        return json_reply(content, 200 if ready else 503)

    async def openapi(self, exchange: Exchange, request: Request) -> Reply:
        """Describe all routes."""
        return Reply(200, JSON, self._current.live.document)

    async def docs(self, exchange: Exchange, request: Request) -> Reply:
        """Show a page on which they can be tried."""
        return Reply(200, b"text/html; charset=utf-8", self._current.live.page)


def _exposed(cells: Cells, accept: str) -> tuple[bytes, bytes]:
    """Import what takes a while, and is not needed to score, in the thread that the first scrape runs in."""
    from service.telemetry.exposition import text

    return text(cells, accept)
