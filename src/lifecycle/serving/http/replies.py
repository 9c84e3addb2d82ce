"""Answers as bytes."""

from collections.abc import Iterable

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from lifecycle.serving.errors import Refusal
from lifecycle.serving.messages import JSON, Reply

Headers = Iterable[tuple[bytes, bytes]]
RETRY = ((b"retry-after", b"1"),)
_encode = msgspec.json.Encoder().encode


def json(content: object, status: int = 200, headers: Headers = ()) -> Reply:
    """Return an answer of JSON."""
    return Reply(status, JSON, _encode(content), tuple(headers))


def refused(refusal: Refusal, request_id: str) -> Reply:
    """Return the answer that a refusal is, the same for all protocols."""
    return json(refusal.content(request_id), refusal.status, refusal.headers)


def headers_of(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return all headers of an answer."""
    length = b"%d" % len(reply.body)
    return [(b"content-type", reply.content_type), (b"content-length", length), *reply.headers]


def wire(reply: Reply, more: Headers = (), body: bool = True) -> bytes:
    """Return an answer as it goes over the wire, with more headers; without its body for a HEAD.

    What stands in headers is constant, or was checked when it came in: nothing is checked again.
    """
    lines = b"".join([b"%b: %b\r\n" % header for header in (*more, *reply.headers)])
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
        STATUS_LINE[reply.status],
        reply.content_type,
        len(reply.body),
        lines,
        reply.body if body else b"",
    )
