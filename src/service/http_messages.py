"""HTTP requests and answers, as they pass between the server, the request handler and the routes."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from service.refusal import Refusal

JSON = b"application/json"
RETRY = ((b"retry-after", b"1"),)
STATUS_LINE = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}
Headers = Sequence[tuple[bytes, bytes]]
encoded = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """One HTTP request: header names in lower case, the body whole and decompressed, its id echoed in the answer."""

    path: str
    parameters: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes
    id: str


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    content_type: bytes
    body: bytes
    headers: Headers = ()

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers with those that say what the body is."""
        length = b"%d" % len(self.body)
        return [(b"content-type", self.content_type), (b"content-length", length), *self.headers]


def json_reply(content: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, JSON, encoded(content), headers)


def refused(refusal: Refusal, request_id: str) -> Reply:
    """Return the answer that a refusal is, the same for all protocols."""
    return json_reply(refusal.content(request_id), refusal.status, tuple(refusal.headers))


def response_head(status: int, headers: Headers, more: bytes) -> bytes:
    """Return the head of an answer as it goes over the wire; `more` are lines that end in CRLF.

    What stands in headers is constant, or was checked when it came in: nothing is checked again.
    """
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join((STATUS_LINE[status], more, *lines, b"\r\n"))
