"""Requests that were right once: every route's documented examples, broken in the ways in which requests break."""

import gzip
import json
import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

WORDS = ("", "x", "\ud800", "\x00", "é" * 50, "9" * 400, "NaN", "null", "../..", "a" * 70_000, "' OR 1=1 --", "{name}")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, -0.0, 1e-320, 1e38, 3.5e38, 1e308, 2**63, -(2**63) - 1, 2**53 + 1, [], {}, [[]], [None],
    {"label": {}}, {"features": []}, *WORDS,
)  # fmt: skip
# What stands for a value that Python's json does not write.
RAW = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 400, "-" + "9" * 5000, "0x10", "01", "1.", ".5",
    "+1", "1e", "--1", "'x'", "undefined", '"\\ud800"', '"\\u12"', '"\\x41"', '"\x01"', "[" * 100_000, '{"a":' * 50_000,
    "[" * 600 + "]" * 600, '{"a":1,"a":2}', "", ",", "//c\n1", "1 1", "1" + "0" * 400 + ".5", "1e-400", "1E+2",
)  # fmt: skip
KINDS = (
    "application/json; charset=utf-8", "application/json;charset=utf-16", "APPLICATION/JSON", "text/csv", "text/plain",
    "application/octet-stream", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", ";", "*/*",
)  # fmt: skip
CODINGS = ("gzip", "deflate", "x-gzip", "br", "zstd", "identity", "gzip, gzip", "", "GZIP", "\xff")
HEADERS = (
    "expect: 100-continue", "expect: x", "upgrade: websocket\r\nconnection: upgrade", "connection: close, x",
    "transfer-encoding: identity", "transfer-encoding: gzip, chunked", "content-length: 5", "content-length: 0",
    "content-length: -1", "content-length: +5", "content-length: 99999999999999999999", "content-length: 5000000",
    "content-length: x", "content-length: 4, 4", "inference-header-content-length: 0", "x: \xff\xfe", "x:", ": x", "x",
    "inference-header-content-length: -5", "inference-header-content-length: 99999999", "x y: z", " folded", "x\x00: y",
    "inference-header-content-length: x", "inference-header-content-length: 20", "accept: text/csv", "accept: ;;;q=x,",
    "accept: application/openmetrics-text", "traceparent: 00-0-0-0", "traceparent: \xff", "x-request-id: a\tb\xff",
    "x-request-id: " + "r" * 5000, "authorization: Bearer \xff", "host: ", "host: a\r\nhost: b", "te: trailers",
    "x-forwarded-for: ::1", "\r\n".join(f"h{n}: {n}" for n in range(3000)), "long: " + "v" * 20_000, "range: bytes=0-1",
    "cookie: " + "c=d; " * 100, "x-amzn-sagemaker-custom-attributes: \xff", "connection: keep-alive, te",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "BREW", "P\xd6ST", "")
PATHS = (
    "{}?x=1", "{}?%", "{}/", "/{}", "{}%00", "{}%", "{}%zz", "{}#x", "http://x{}", "*", "", "{}/../metrics", "{};a",
    "{} ", "{}\xff", "{}%ff", "{}" + "p" * 20_000, "{}:predict", "{}/versions/1", "/v1/models/%2e%2e:predict",
    "/v1/models/:predict",
)  # fmt: skip
BOMB = gzip.compress(bytes(20 << 20), mtime=0)
TAILS = (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"\r\n", b"POST ")


class Operation(NamedTuple):
    """One that the service documents, with a body that it answers, if it takes one."""

    method: str
    path: str
    template: str
    kind: str
    body: bytes


@dataclass(frozen=True)
class Draft:
    """A request that is still to be put together."""

    operation: Operation
    method: str
    path: str
    headers: tuple[str, ...]
    body: bytes
    wire: Callable[[bytes], bytes] | None = None  # how the body is sent, when not with its length

    def raw(self) -> bytes:
        """Return the bytes of the request."""
        body, headers = self.body, list(self.headers)
        if self.wire is not None:
            headers.append("transfer-encoding: chunked")
            body = self.wire(body)
        elif body and not any(line.startswith("content-length") for line in headers):
            headers.append(f"content-length: {len(body)}")
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: x", *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1", "replace") + body


def operations(document: Any) -> list[Operation]:
    """Return what an OpenAPI document says can be asked, a body each."""
    names = {"name": document["info"]["title"], "version": document["info"]["version"]}
    return [
        Operation(method.upper(), template.format(**names), template, kind, body)
        for template, methods in document["paths"].items()
        for method, described in methods.items()
        for kind, body in _bodies(described.get("requestBody", {"content": {"": {}}})["content"])
    ]


def _bodies(content: Any) -> Iterator[tuple[str, bytes]]:
    for kind, described in content.items():
        found = [each["value"] for each in described.get("examples", {}).values()]
        yield from ((kind, json.dumps(value).encode()) for value in found)
        if kind == "text/csv":
            yield kind, b"1.5,2.5,3.5,4.5,5.5,6.5\n1.5,2.5,3.5,4.5,5.5,6.5\n"
        elif not found:
            yield kind, b"" if kind == "" else b'{"inputs":[]}' + bytes(48)


def broken(operation: Operation, rng: random.Random) -> bytes:
    """Return a request of an operation with one to three faults."""
    headers = (f"content-type: {operation.kind}",) if operation.kind else ()
    draft = Draft(operation, operation.method, operation.path, headers, operation.body)
    faults = IN_BODY if operation.body and rng.random() < 0.7 else IN_HEAD
    for fault in rng.choices(faults, k=rng.choice((1, 1, 1, 2, 3))):
        draft = fault(draft, rng)
    raw = draft.raw()
    return _flipped(raw, rng) if rng.random() < 0.05 else raw


def _flipped(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if found:
            found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def flip(draft: Draft, rng: random.Random) -> Draft:
    return replace(draft, body=_flipped(draft.body, rng))


def truncate(draft: Draft, rng: random.Random) -> Draft:
    return replace(draft, body=draft.body[: rng.randrange(len(draft.body) + 1)])


def repeat(draft: Draft, rng: random.Random) -> Draft:
    start = rng.randrange(len(draft.body) + 1)
    part = draft.body[start : start + rng.randrange(1, 40)]
    return replace(draft, body=draft.body[:start] + part * rng.choice((2, 3, 2000)) + draft.body[start:])


def retyped(draft: Draft, rng: random.Random) -> Draft:
    """Put another value in the place of one somewhere in the JSON, or drop it, or give it another name."""
    try:
        document = json.loads(draft.body)
    except (ValueError, RecursionError):
        return draft
    places = list(_places(document))
    holder, key = rng.choice(places) if places else ([document], 0)
    fault = rng.random()
    if fault < 0.7:
        holder[key] = rng.choice(VALUES)
    elif fault < 0.85 or type(holder) is list:
        del holder[key]
    else:
        holder[rng.choice(WORDS)] = holder.pop(key)
    return replace(draft, body=json.dumps(document).encode())


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(node if type(node) is dict else range(len(node)) if type(node) is list else ()):
        yield node, key
        yield from _places(node[key])


def unjson(draft: Draft, rng: random.Random) -> Draft:
    """Put in the place of a number, or of a quoted word, what JSON has no name for."""
    found = list(re.finditer(rb'-?\d+(\.\d+)?|"[^"]*"', draft.body))
    if not found:
        return replace(draft, body=rng.choice(RAW).encode())
    at = rng.choice(found)
    return replace(draft, body=draft.body[: at.start()] + rng.choice(RAW).encode() + draft.body[at.end() :])


def retyped_content(draft: Draft, rng: random.Random) -> Draft:
    return replace(draft, headers=(f"content-type: {rng.choice(KINDS)}", *draft.headers[1:]))


def wrong_length(draft: Draft, rng: random.Random) -> Draft:
    length = max(0, len(draft.body) + rng.choice((-1, -5, -20, 1, 50)))
    return replace(draft, headers=(*draft.headers, f"content-length: {length}"))


def compressed(draft: Draft, rng: random.Random) -> Draft:
    """Compress the body rightly, wrongly, in part, or to something that unpacks without an end."""
    how: tuple[Callable[[bytes], bytes], ...] = (
        _gzip, zlib.compress, lambda body: zlib.compress(body)[2:-4], lambda body: _gzip(body)[:-6],
        lambda body: _flipped(_gzip(body), rng), lambda body: _gzip(body) * 3, lambda body: body, lambda _: BOMB,
        lambda body: b"\x1f\x8b" + body, lambda _: b"",
    )  # fmt: skip
    return replace(
        draft, body=rng.choice(how)(draft.body), headers=(*draft.headers, f"content-encoding: {rng.choice(CODINGS)}")
    )


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)  # the time of day would make other requests of the same seed


def chunked(draft: Draft, rng: random.Random) -> Draft:
    size = rng.choice((1, 7, 1000))
    ends = (
        b"0\r\n\r\n",
        b"0\r\nx: y\r\n\r\n",
        b"",
        b"zz\r\n",
        b"-1\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"0;a=b\r\n\r\n",
    )

    def sent(body: bytes) -> bytes:
        parts = (body[n : n + size] for n in range(0, len(body), size))
        return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + rng.choice(ends)

    return replace(draft, wire=sent)


def odd_header(draft: Draft, rng: random.Random) -> Draft:
    return replace(draft, headers=(*draft.headers, rng.choice(HEADERS)))


def other_method(draft: Draft, rng: random.Random) -> Draft:
    return replace(draft, method=rng.choice(METHODS))


def other_path(draft: Draft, rng: random.Random) -> Draft:
    return replace(draft, path=rng.choice(PATHS).replace("{}", draft.path))


def tail(draft: Draft, rng: random.Random) -> Draft:
    return replace(
        draft, headers=(*draft.headers, f"content-length: {len(draft.body)}"), body=draft.body + rng.choice(TAILS)
    )


Fault = Callable[[Draft, random.Random], Draft]
IN_HEAD: tuple[Fault, ...] = (
    retyped_content, wrong_length, compressed, chunked, odd_header, odd_header, other_method, other_path, tail,
)  # fmt: skip
IN_BODY: tuple[Fault, ...] = (flip, truncate, repeat, retyped, retyped, retyped, unjson, unjson, compressed, chunked)
