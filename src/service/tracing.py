"""The id of a request, and its span in a distributed trace."""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import NamedTuple

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch
# Version ff is forbidden, and so are a trace id and a span id of zeros only. Later versions may say more at the end.
TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
).fullmatch


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
