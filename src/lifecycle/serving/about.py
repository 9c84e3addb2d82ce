"""What the service says of itself: metrics, health, its documentation."""

import asyncio

from lifecycle.serving.http import replies
from lifecycle.serving.http.exchange import Exchange
from lifecycle.serving.http.state import State
from lifecycle.serving.live.live import Current
from lifecycle.serving.messages import JSON, Reply, Request
from lifecycle.serving.telemetry.cells import Cells


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
        return replies.json({"alive": True})

    async def ready(self, exchange: Exchange, request: Request) -> Reply:
        """Say whether requests should be sent here, and which model would answer them."""
        ready, servable = not self._state.draining, self._current.live.servable
        content = {"ready": ready, "model": servable.name, "version": servable.version}
        return replies.json(content, 200 if ready else 503)

    async def openapi(self, exchange: Exchange, request: Request) -> Reply:
        """Describe all routes."""
        return Reply(200, JSON, self._current.live.document)

    async def docs(self, exchange: Exchange, request: Request) -> Reply:
        """Show a page on which they can be tried."""
        return Reply(200, b"text/html; charset=utf-8", self._current.live.page)


def _exposed(cells: Cells, accept: str) -> tuple[bytes, bytes]:
    """Import what takes a while, and is not needed to score, in the thread that the first scrape runs in."""
    from lifecycle.serving.telemetry.exposition import text

    return text(cells, accept)
