"""The bare HTTP server of the service, with the same answer to everything: the limit of what can be reached.

python constant.py PORT ANSWER SRC
"""

import asyncio
import sys
from typing import Any

import uvloop


class Constant:
    """An ASGI application."""

    def __init__(self, body: bytes) -> None:
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        self.start = {"type": "http.response.start", "status": 200, "headers": head}
        self.body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        await send(self.start)
        await send(self.body)


async def serve(port: int, body: bytes) -> None:
    """Serve until SIGTERM."""
    from service.server.listening_socket import bound
    from service.server.server import Server
    from service.settings import Settings
    from service.telemetry import shared_numbers
    from service.telemetry.service_metrics import Meters

    meters = Meters(shared_numbers.Cells(shared_numbers.create(1), 0))
    server = Server(Constant(body), Settings(), meters, frozenset())
    await server.serve(bound("127.0.0.1", port), {}, print)
    await server.drain(lambda: True)


if __name__ == "__main__":
    sys.path.append(sys.argv[3])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), sys.argv[2].encode()))
