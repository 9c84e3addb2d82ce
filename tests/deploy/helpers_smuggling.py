"""Requests that two readers may cut at different places, so that one sees a second request where the other sees none.

What is hidden in each asks for the metrics, which no gateway lets through. If the service answers it, the gateway has
not known of it: it was smuggled. Where both agree that it is a request of its own, the gateway refuses it.
"""

from collections.abc import Iterator

from tests.service.helpers_load import post

HIDDEN = b"GET /metrics?hidden HTTP/1.1\r\nhost: x\r\n\r\n"
BODY = post("/predict", {"records": [{"number": 0.5, "gaps": 12.0, "shop": "bakery"}]}).partition(b"\r\n\r\n")[2]
SIZE = len(BODY)
# How a coding can be written that is chunked to one reader and nothing to another.
CODINGS = {
    "plain": b"transfer-encoding: chunked",
    "capitals": b"Transfer-Encoding: CHUNKED",
    "a space before the colon": b"transfer-encoding : chunked",
    "a tab before the value": b"transfer-encoding:\tchunked",
    "a vertical tab": b"transfer-encoding: \x0bchunked",
    "a tab behind the value": b"transfer-encoding: chunked\t",
    "folded value": b"transfer-encoding:\r\n chunked",
    "folded name": b"x: y\r\n transfer-encoding: chunked",
    "behind a bare line feed": b"x: y\ntransfer-encoding: chunked",
    "behind a bare return": b"x: y\rtransfer-encoding: chunked",
    "another word": b"transfer-encoding: xchunked",
    "quoted": b'transfer-encoding: "chunked"',
    "with a parameter": b"transfer-encoding: chunked;q=1",
    "identity first": b"transfer-encoding: identity, chunked",
    "identity last": b"transfer-encoding: chunked, identity",
    "compressed": b"transfer-encoding: gzip, chunked",
    "an empty one": b"transfer-encoding: , chunked",
    "twice": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    "another one behind it": b"transfer-encoding: chunked\r\ntransfer-encoding: x",
    "another one before it": b"transfer-encoding: x\r\ntransfer-encoding: chunked",
    "underscore": b"transfer_encoding: chunked",
    "NUL": b"transfer-encoding: chunked\x00",
    "to be taken off": b"connection: transfer-encoding\r\ntransfer-encoding: chunked",
}
# How a length can be written that has two values.
LENGTHS = {
    "twice the same": b"content-length: %d\r\ncontent-length: %d" % (SIZE, SIZE),
    "twice, the first is larger": b"content-length: %d\r\ncontent-length: %d" % (SIZE + len(HIDDEN), SIZE),
    "twice, the second is larger": b"content-length: %d\r\ncontent-length: %d" % (SIZE, SIZE + len(HIDDEN)),
    "listed": b"content-length: %d, %d" % (SIZE, SIZE + len(HIDDEN)),
    "signed": b"content-length: +%d" % SIZE,
    "negative": b"content-length: -%d" % SIZE,
    "hexadecimal": b"content-length: 0x%x" % SIZE,
    "octal": b"content-length: 0%o" % SIZE,
    "a space inside": b"content-length: %d %d" % (SIZE // 10, SIZE % 10),
    "a space before the colon": b"content-length : %d" % SIZE,
    "folded": b"content-length:\r\n %d" % SIZE,
    "behind a bare line feed": b"x: y\ncontent-length: %d" % SIZE,
    "too large for 64 bits": b"content-length: %d" % (2**64 + SIZE),
    "a parameter": b"content-length: %d;x" % SIZE,
    "to be taken off": b"connection: content-length\r\ncontent-length: %d" % SIZE,
    "none": b"x: y",
}
CHUNK = b"%x" % SIZE
# How chunks can be written so that their end is uncertain.
CHUNKS = {
    "plain": CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an extension": CHUNK + b";a=b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an extension with a line feed": b"2;\nxx\r\n" + CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an extension with a return": CHUNK + b";\rx\r\n" + BODY + b"\r\n0\r\n\r\n",
    "hexadecimal with its mark": b"0x" + CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "signed": b"+" + CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "negative": b"-1\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a space behind the size": CHUNK + b" \r\n" + BODY + b"\r\n0\r\n\r\n",
    "a space before the size": b" " + CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "too large for 64 bits": b"1" + b"0" * 16 + CHUNK + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "line feeds only": CHUNK + b"\n" + BODY + b"\n0\n\n",
    "a return only": CHUNK + b"\r" + BODY + b"\r\n0\r\n\r\n",
    "no line behind the data": CHUNK + b"\r\n" + BODY + b"0\r\n\r\n",
    "two other bytes behind the data": CHUNK + b"\r\n" + BODY + b"xx0\r\n\r\n",
    "no size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "many zeros": CHUNK + b"\r\n" + BODY + b"\r\n" + b"0" * 40 + b"\r\n\r\n",
    "an end without its second line": CHUNK + b"\r\n" + BODY + b"\r\n0\r\n",
    "a trailer": CHUNK + b"\r\n" + BODY + b"\r\n0\r\nx: y\r\n\r\n",
    "a trailer that asks for the end": CHUNK + b"\r\n" + BODY + b"\r\n0\r\nconnection: close\r\n\r\n",
    "a trailer with a length": CHUNK + b"\r\n" + BODY + b"\r\n0\r\ncontent-length: %d\r\n\r\n" % len(HIDDEN),
    "a trailer with a coding": CHUNK + b"\r\n" + BODY + b"\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
    "a trailer that names an entity": CHUNK + b"\r\n" + BODY + b"\r\n0\r\nx-entity: other\r\n\r\n",
}


def head(first: str, *lines: str) -> bytes:
    """Return a head whose body has the length of BODY."""
    return "\r\n".join([first, *lines, f"content-length: {SIZE}", "", ""]).encode()


POST, HOST, CHUNKED = "POST /predict HTTP/1.1", "host: x", "transfer-encoding: chunked"
UPGRADE = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__")
SOCKET = ("sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")
HEADS = {
    "line feeds only": head(POST, HOST).replace(b"\r\n", b"\n"),
    "a line before it": b"\r\n" + head(POST, HOST),
    "an older version": head("POST /predict HTTP/1.0", HOST, "connection: keep-alive"),
    "chunks of an older version": head("POST /predict HTTP/1.0", HOST, CHUNKED),
    "no version": b"GET /predict\r\n\r\n",
    "a version of two digits": head("POST /predict HTTP/1.10", HOST),
    "a version twice": head("POST /predict HTTP/1.1 HTTP/1.1", HOST),
    "a return in the path": head("POST /predict\rx HTTP/1.1", HOST),
    "an encoded line in the path": head("POST /predict%0d%0ax HTTP/1.1", HOST),
    "a whole address": head("POST http://y/predict HTTP/1.1", HOST),
    "two hosts": head(POST, HOST, "host: y"),
    "no host": head(POST),
    "NUL in a value": head(POST, HOST, "a: b\x00c"),
    "an entity with a return": head(POST, HOST, "x-entity: a\rb: c"),
    "a header without a name": head(POST, HOST, ": y"),
    "a header without a colon": head(POST, HOST, "y"),
    "an upgrade to HTTP/2": head(POST, HOST, *UPGRADE),
    "an upgrade to a socket": head("GET /predict HTTP/1.1", HOST, "connection: upgrade", "upgrade: websocket", *SOCKET),
    "asking before the body": head(POST, HOST, "expect: 100-continue"),
    "an unknown expectation": head(POST, HOST, "expect: y"),
    "the end after it": head(POST, HOST, "connection: close"),
    "the body of a GET": head("GET /health/live HTTP/1.1", HOST),
    "the body of a HEAD": head("HEAD /health/live HTTP/1.1", HOST),
    "the body of an unknown method": head("BREW /predict HTTP/1.1", HOST),
    "a tunnel": head("CONNECT x:80 HTTP/1.1", HOST),
}
TOP = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def cases() -> Iterator[tuple[str, bytes]]:
    """Yield each request with its name."""
    inside = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    for name, coding in CODINGS.items():
        ended = b"0\r\n\r\n" + HIDDEN  # who reads the coding sees a second request, who reads the length sees a body
        yield f"length and coding, {name}", TOP + b"content-length: %d\r\n%b\r\n\r\n" % (len(ended), coding) + ended
        short = b"content-length: %d\r\n" % (inside.index(b"\r\n") + 2)  # the other way round
        yield f"coding and length, {name}", TOP + short + coding + b"\r\n\r\n" + inside
        yield f"coding alone, {name}", TOP + coding + b"\r\n\r\n" + inside
    for name, length in LENGTHS.items():
        yield f"length, {name}", TOP + length + b"\r\n\r\n" + BODY + HIDDEN
    for name, chunks in CHUNKS.items():
        yield f"chunks, {name}", TOP + b"transfer-encoding: chunked\r\n\r\n" + chunks + HIDDEN
    for name, broken in HEADS.items():
        yield f"head, {name}", broken + BODY + HIDDEN
