"""What the service says of itself: metrics, health, its documentation."""

import asyncio

from service.http import headers
from service.http.routing import Exchange
from service.http.server_state import State
from service.live_bundle import Current
from service.requests import JSON, Reply, Request
from service.telemetry.cells import Cells


class About:
    """Answers about the service.

    Parameters
    ----------
    current : Current
        The model.
    state : State
        Shared with the connections.
    """

    def __init__(self, current: Current, state: State) -> None:
        self._current, self._state = current, state

    async def metrics(self, exchange: Exchange, request: Request) -> Reply:
        """Answer Prometheus, for all processes."""
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        content_type, body = await asyncio.to_thread(_exposed, self._state.meters.cells, accept)
        return Reply(200, content_type, body)

    async def alive(self, exchange: Exchange, request: Request) -> Reply:
        """Say that the process answers."""
        return headers.json({"alive": True})

    async def ready(self, exchange: Exchange, request: Request) -> Reply:
        """Say whether requests should be sent here, and which model would answer them."""
        ready, servable = not self._state.draining, self._current.live.servable
        content = {"ready": ready, "model": servable.name, "version": servable.version}
        return headers.json(content, 200 if ready else 503)

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
