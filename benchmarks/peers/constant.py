"""The bare HTTP stack of the service, with the same answer to everything: the limit of what can be reached.

python constant.py PORT ANSWER
"""

import sys
from typing import Any

import uvicorn


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


if __name__ == "__main__":
    app, port = Constant(sys.argv[2].encode()), int(sys.argv[1])
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning")
