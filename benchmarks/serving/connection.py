"""A connection to a server of `compare.py`, without a library that takes time. Not run by itself."""

import contextlib
import socket

HOST = "127.0.0.1"


class Connection:
    """A connection with at most one request under way, the one with this number."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number, self._got = 0, b""

    def fileno(self) -> int:
        """Return what `select` wants."""
        return self.socket.fileno()

    def send(self, request: bytes, number: int) -> None:
        """Send a request; what goes wrong is noticed when its answer is read."""
        self.number, self._got = number, b""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Take what has come: return the answer once it is whole, None before, nothing if the server has hung up."""
        try:
            part = self.socket.recv(1 << 16)
        except ConnectionError:
            return b""
        self._got += part
        if whole(self._got):
            return self._got
        return None if part else b""


def whole(answer: bytes) -> bool:
    """Tell whether an HTTP answer is complete."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in fields:
        return len(body) >= int(fields[b"content-length"])
    return body.endswith(b"0\r\n\r\n")


def stays_open(answer: bytes) -> bool:
    """Tell whether another request can follow on the same connection."""
    head = answer.partition(b"\r\n\r\n")[0].lower()
    return head.startswith(b"http/1.1") and b"\r\nconnection: close" not in head


def request(path: str, body: bytes) -> bytes:
    """Return an HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body
