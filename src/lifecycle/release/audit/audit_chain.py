"""The form of the audit log: lines of JSON in chains, each with the hash of the line before it.

    audit/chain-0/000000000000001-2026-11-30.jsonl    of the first process that decides
    audit/chain-1/...                                 of a second one
    audit/events/...                                  what people and commands do: releases, labels, overrides

A line is `{"seq":2,"prev":HASH,"kind":"decision",...,"hash":HASH}`. `hash` is the sha256 of the line up to it, and
`prev` that of the line before; the first line has a hash of the chain's name there. So a line that is changed, moved,
put in or taken out breaks the chain. A file is a segment: its name has the number of its first line and a day. The
chain goes on from one segment to the next.

There is a chain for each process that writes, as processes that shared one would wait for each other's disk at every
decision. Each chain is checked by itself; `verify` looks at all of them.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError

EVENTS, DECISIONS = "events", "chain-"
CHAIN = re.compile(rf"{EVENTS}|{DECISIONS}\d{{1,4}}").fullmatch
KIND = re.compile("[a-z_]{1,30}").fullmatch
OWN = ("seq", "prev", "kind", "hash")  # names that no field of a record may have
LINE = re.compile(rb'\{"seq":([1-9]\d{0,14}),"prev":"([0-9a-f]{64})","kind":"([a-z_]{1,30})"[,}]').match
SEGMENT = re.compile(r"(\d{15})-(\d{4}-\d\d-\d\d)\.jsonl").fullmatch
HASH = len(b',"hash":"') + 64 + len(b'"}\n')  # bytes at the end of a line


class Link(NamedTuple):
    """What ties a record to the one before it.

    Parameters
    ----------
    sequence : int
        Number of the record in its chain, from 1.
    previous, hash : str
        Of the record before and of this one, 64 hexadecimal digits.
    kind : str
        What it records.
    """

    sequence: int
    previous: str
    kind: str
    hash: str


class Segment(NamedTuple):
    """A file of a chain: the number of its first record, and the day on which that was written (UTC)."""

    path: Path
    first: int
    day: str


class BrokenLineError(ValueError):
    """A line that is no record, or not the one that was written."""


def beginning(chain: str) -> Link:
    """Return what the first record of a chain is tied to.

    It depends on the chain's name, so no chain can take the place of another.
    """
    return Link(0, "", "", hashlib.sha256(f"audit chain {chain}".encode()).hexdigest())


def sealed(before: Link, kind: str, fields: bytes) -> tuple[bytes, Link]:
    r"""Return the line of the record behind another one, and its link.

    Parameters
    ----------
    before : Link
        Of the record before.
    kind : str
        What is recorded.
    fields : bytes
        A JSON object without the names of `OWN`, in canonical form: the same content has the same bytes.

    >>> line, link = sealed(beginning("chain-0"), "decision", b'{"score":0.5}')
    >>> line[:9], line[83:120], parsed(line) == link
    (b'{"seq":1,', b'"kind":"decision","score":0.5,"hash":', True)
    """
    sequence, rest = before.sequence + 1, b"," + fields[1:-1] if len(fields) > 2 else b""
    body = b'{"seq":%d,"prev":"%b","kind":"%b"%b' % (sequence, before.hash.encode(), kind.encode(), rest)
    digest = hashlib.sha256(body).hexdigest()
    return b'%b,"hash":"%b"}\n' % (body, digest.encode()), Link(sequence, before.hash, kind, digest)


def parsed(line: bytes) -> Link:
    """Return the link of a whole line.

    Raises
    ------
    BrokenLineError
        It is no record (`unreadable`), or its content is not what its own hash says (`hash`).
    """
    found, tail = LINE(line), line[-HASH:]
    if found is None or not tail.startswith(b',"hash":"') or not tail.endswith(b'"}\n'):
        raise BrokenLineError("unreadable: the line is no record")
    digest = hashlib.sha256(line[:-HASH]).hexdigest()
    if tail[9:-3] != digest.encode():
        raise BrokenLineError("hash: the record is not the one that was written")
    return Link(int(found[1]), found[2].decode(), found[3].decode(), digest)


def segment_name(first: int, day: str) -> str:
    """Return the name of the segment that begins with a record; names sort as the records do."""
    return f"{first:015d}-{day}.jsonl"


def segments(folder: Path) -> list[Segment]:
    """Return the segments of a chain in their order; none where there is no such folder.

    Raises
    ------
    PipelineError
        A file there is no segment.
    """
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        name = SEGMENT(path.name)
        if name is None:
            raise PipelineError(f"{path}: no segment of an audit log; its name says no sequence number and day")
        found.append(Segment(path, int(name[1]), name[2]))
    return found


def chains(folder: Path) -> list[str]:
    """Return the names of the chains in a log, the events first.

    Raises
    ------
    PipelineError
        There is no such log.
    """
    found = [path.name for path in folder.iterdir() if CHAIN(path.name)] if folder.is_dir() else []
    if not found:
        raise PipelineError(f"{folder}: no audit log; the service writes one with SERVE_AUDIT={folder}")
    return sorted(found, key=lambda name: (name != EVENTS, len(name), name))


def lines_of(segment: Segment) -> Iterator[bytes]:
    """Yield the lines of a segment with their ends; the last one may have none."""
    with segment.path.open("rb") as file:
        yield from file


def records_of(folder: Path, chain: str, *words: bytes) -> Iterator[dict[str, Any]]:
    """Yield the records of a chain whose line holds one of some words, as dicts; broken lines are left to `verify`."""
    for segment in segments(folder / chain):
        for line in lines_of(segment):
            if any(word in line for word in words) and LINE(line):
                with suppress(ValueError):  # it is damaged
                    yield json.loads(line)
