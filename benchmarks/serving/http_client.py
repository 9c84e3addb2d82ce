"""A client that costs little beside what it measures: one kept connection, JSON. Not run by itself."""

import json
import socket
from typing import Any

from lifecycle.core.errors import PipelineError

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as own:
        own.bind((HOST, 0))
        return int(own.getsockname()[1])


class Client:
    """One connection to a service on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> Any:
        """Return what a path holds."""
        return self._answer(f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())

    def post(self, path: str, content: Any) -> Any:
        """Return the answer to JSON content.

        Raises
        ------
        PipelineError
            It is not 200.
        """
        body = json.dumps(content).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        return self._answer(head.encode() + b"\r\n\r\n" + body)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _answer(self, request: bytes) -> Any:
        self._socket.sendall(request)
        found = b""
        while b"\r\n\r\n" not in found:
            found = self._read(found)
        head, body = found.split(b"\r\n\r\n", 1)
        lines = head.lower().split(b"\r\n")
        (length,) = (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body = self._read(body)
        if not lines[0].startswith(b"http/1.1 200"):
            raise PipelineError(f"{lines[0].decode()}: {body.decode()}")
        return json.loads(body)

    def _read(self, before: bytes) -> bytes:
        found = self._socket.recv(1 << 20)
        if not found:
            raise ConnectionError("the service has closed the connection")
        return before + found
