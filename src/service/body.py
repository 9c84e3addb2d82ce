"""The body of a request: whole, decompressed, and never larger than allowed."""

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from service.refusal import Refusal

Receive = Callable[[], Awaitable[Any]]
EITHER, RAW = 47, -15  # zlib's window sizes: a gzip or zlib header that is found out, no header at all
PIECE = 1 << 14  # bytes unpacked in one go: what is behind the end of a member is copied
MEMBERS = 1024  # of one stream, at most: the smallest has 20 bytes, and costs as much as a large one to begin


class GoneError(Exception):
    """The client has closed the connection."""


def check_type(headers: Mapping[bytes, bytes], accepts: tuple[bytes, ...]) -> None:
    """Raise when a body is of a type that a route does not read; without a Content-Type it is taken for the first.

    Raises
    ------
    Refusal
        415.
    """
    given = headers.get(b"content-type")
    if not given or given in accepts:
        return
    if given.partition(b";")[0].strip().lower() not in accepts:
        words = " or ".join(kind.decode() for kind in accepts)
        raise Refusal(415, "wrong_content_type", f"send Content-Type: {words}")


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """Return a body, whole and decompressed.

    Raises
    ------
    Refusal
        413: too large. 400, 415: see `decompressed`.
    GoneError
        There is nobody to answer.
    """
    if int(headers.get(b"content-length", 0)) > limit:  # before 100 Continue invites the client to send it
        raise too_large(limit)
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        part, more = message.get("body", b""), message.get("more_body", False)
        body = body + part if body else part
        if len(body) > limit:
            raise too_large(limit)
    return decompressed(body, headers, limit) if b"content-encoding" in headers else body


def decompressed(body: bytes, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """Undo the Content-Encoding; no more is ever unpacked than the limit allows.

    Raises
    ------
    Refusal
        413 too large, 415 another compression than gzip and deflate, 400 broken.
    """
    coding = headers[b"content-encoding"].strip().lower()
    if coding == b"identity":
        return body
    if coding not in {b"gzip", b"x-gzip", b"deflate"}:
        accepted = [(b"accept-encoding", b"gzip, deflate")]
        raise Refusal(415, "wrong_encoding", "Content-Encoding: send gzip, deflate, or none", headers=accepted)
    try:
        return unpacked(body, EITHER, limit)
    except zlib.error:
        try:  # deflate is often sent without the header that its definition asks for
            return unpacked(body, RAW if coding == b"deflate" else EITHER, limit)
        except zlib.error:
            raise Refusal(400, "broken_body", "the body is not what Content-Encoding says") from None


def unpacked(body: bytes, window: int, limit: int) -> bytes:
    """Decompress all members of a stream, up to the limit."""
    whole, member, members = bytearray(), zlib.decompressobj(window), 1
    for start in range(0, len(body), PIECE):
        rest = body[start : start + PIECE]
        while rest:
            if member.eof:
                member, members = zlib.decompressobj(window), members + 1
                if members > MEMBERS:
                    raise Refusal(400, "broken_body", f"the body is compressed in more than {MEMBERS} parts; send one")
            whole += member.decompress(rest, limit + 1 - len(whole))
            if len(whole) > limit:
                raise too_large(limit)
            rest = member.unused_data
    if body and not member.eof:
        raise zlib.error("ends early")
    return bytes(whole)


def too_large(limit: int) -> Refusal:
    """Return the refusal of a body."""
    return Refusal(413, "body_too_large", f"the body is larger than {limit} bytes; send fewer rows at a time")
