"""Headers of requests and answers: API keys, trace context, and the head of a reply."""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from lifecycle.core.errors import PipelineError
from service.errors import Refusal
from service.requests import JSON, Reply

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}):(?P<digest>[0-9a-f]{64})").fullmatch
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch
# Version ff is forbidden, and so are a trace id and a span id of zeros only. Later versions may say more at the end.
TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
).fullmatch
Headers = Iterable[tuple[bytes, bytes]]
RETRY = ((b"retry-after", b"1"),)
_encode = msgspec.json.Encoder().encode


class Keys:
    """The clients of a file.

    Parameters
    ----------
    path : Path
        Empty lines and lines that begin with # are passed over.

    Raises
    ------
    PipelineError
        It can't be read, has another line, a name twice, or no client at all.
    """

    def __init__(self, path: Path) -> None:
        self._digests: dict[str, str] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "no text in UTF-8"
            raise PipelineError(f"SERVE_API_KEYS={path}: {why}") from None  # the error would show what the file holds
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = LINE(line.strip())
            if found is None or found["name"] in self._digests:  # the line is not shown: it may be a key itself
                advice = "expected a new name, a colon and the SHA-256 of its key in 64 hex digits"
                raise PipelineError(f"{path}, line {number}: {advice}")
            self._digests[found["name"]] = found["digest"]
        if not self._digests:
            raise PipelineError(f"{path}: holds no key, so nobody could ask; see SERVE_API_KEYS in --help")

    def client(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the name of the client whose key came with a request.

        All keys are compared, each in constant time: how long it takes says nothing about them.

        Raises
        ------
        Refusal
            401.
        """
        digest = hashlib.sha256(key_of(headers)).hexdigest()
        known = [name for name, each in self._digests.items() if hmac.compare_digest(each, digest)]
        if not known:
            message = "this needs an API key: Authorization: Bearer KEY, or X-API-Key: KEY"
            raise Refusal(401, "unauthorized", message, headers=[(b"www-authenticate", b'Bearer realm="predictions"')])
        return known[0]


def key_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the key that came with a request, which may be empty."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


class Span(NamedTuple):
    """One request as part of a trace: the trace's id, our span in it, whose child it is, and whether it is sampled."""

    trace: str
    id: str
    parent: str
    flags: str

    def header(self) -> bytes:
        """Return the `traceparent` for what comes after us."""
        return f"00-{self.trace}-{self.id}-{self.flags}".encode()


def _numbers() -> Iterator[str]:
    """Yield ids that no other process gives: a random half, and a counting half."""
    start = os.urandom(4).hex()
    return (f"{start}{number & 0xFFFFFFFF:08x}" for number in count(1))


_next = _numbers().__next__


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """Return the `x-request-id` that came with a request, or a new one when there is none that can be logged."""
    given = headers.get(b"x-request-id")
    return given.decode() if given is not None and REQUEST_ID(given) else _next()


def span(headers: Mapping[bytes, bytes]) -> Span | None:
    """Return the span of a request that came with a `traceparent`; None without one, or when it is not valid."""
    given = headers.get(b"traceparent")
    found = TRACEPARENT(given) if given is not None else None
    if found is None or (found[1] == b"00" and found.end(4) != len(found.string)):
        return None
    return Span(found[2].decode(), _next(), found[3].decode(), found[4].decode())


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
