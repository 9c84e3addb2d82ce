"""A request that asks for another protocol: it is answered in this one, so it is read again without the question."""

from collections.abc import Iterable
from typing import Any

NAMES = {b"upgrade", b"http2-settings"}


def without_upgrade(parser: Any, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a head as it would have come without `Upgrade`: httptools reads no body behind one that has it.

    Parameters
    ----------
    parser : httptools.HttpRequestParser
        Has read the head.
    url : bytes
        As it came.
    headers : iterable of pairs of bytes
        Names in lower case.
    """
    lines = [b"%b %b HTTP/%b" % (parser.get_method(), url, parser.get_http_version().encode())]
    for name, value in headers:
        if name == b"connection":
            kept = [token.strip() for token in value.split(b",") if token.strip().lower() not in NAMES]
            lines += [b"connection: " + b", ".join(kept)] if kept else []
        elif name not in NAMES:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join((*lines, b"", b""))
