"""Ways to tamper with an audit log, and a log to do it to. Not run by itself: the tests and `audit.py` use it."""

import random
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from lifecycle.release.audit.audit_anchors import Anchor
from lifecycle.release.audit.audit_chain import Link, chains, parsed, sealed, segments
from lifecycle.release.audit.audit_verification import follow, verify
from lifecycle.release.audit.audit_writer import ChainWriter, append_event, canonical

FIELD = re.compile(rb'"score":0\.(\d)')


def write_log(log: Path, records: int = 60, longest: int = 4_000) -> list[Anchor]:
    """Write two chains of decisions in several segments, and events; return an anchor of the newest record of each."""
    for number in range(2):
        writer = ChainWriter(log / f"chain-{number}", longest)
        for row in range(records):
            writer.append([decision(f"{number}-{row}", row)])
        writer.close()
    for epoch in range(1, 6):
        append_event(log, "route", {"epoch": epoch, "score": 0.5})
    return anchors_of_now(log)


def decision(request: str, row: int) -> tuple[str, bytes]:
    """Return a record of a size as the service writes it."""
    about = {"request_id": request, "row": row, "version": "0" * 12, "manifest": "0" * 64, "entity": "0" * 32}
    rest = {"values": "0" * 32, "score": row % 10 / 10, "decision": False, "threshold": 0.5, "latency_ms": 1.25}
    return "decision", canonical({"time": "2026-11-30T06:00:00.000000Z", **about, **rest})


def anchors_of_now(log: Path) -> list[Anchor]:
    """Return anchors of the newest records, which stand in no repository."""
    heads = {chain: follow(log / chain, ()).head for chain in chains(log)}
    return [Anchor(f"audit/x/{chain}/2026-11-30", chain, head.sequence, head.hash) for chain, head in heads.items()]


def is_found(log: Path, anchors: list[Anchor]) -> bool:
    """Tell whether `verify` finds a log broken."""
    return any(report.fault is not None for report in verify(log, anchors))


def flip_a_bit(log: Path, rng: random.Random) -> None:
    """Change one bit of one file."""
    path, content = _any_file(log, rng)
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def delete_a_line(log: Path, rng: random.Random) -> None:
    """Take a record out."""
    path, lines = _any_lines(log, rng)
    del lines[rng.randrange(len(lines))]
    path.write_bytes(b"".join(lines))


def swap_lines(log: Path, rng: random.Random) -> None:
    """Let two records change places."""
    path, lines = _any_lines(log, rng)
    one, other = rng.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    path.write_bytes(b"".join(lines))


def insert_a_line(log: Path, rng: random.Random) -> None:
    """Put a record in that fits the one before it, or one that stands elsewhere; not at a chain's end, see docs."""
    path, lines = _any_lines(log, rng)
    place = rng.randrange(1, len(lines))
    forged, _ = sealed(parsed(lines[place - 1]), *decision("forged", 0))
    lines.insert(place, rng.choice([forged, rng.choice(lines)]))
    path.write_bytes(b"".join(lines))


def truncate(log: Path, rng: random.Random) -> None:
    """Cut the end of a chain off, in the middle of a line or behind one."""
    path = segments(log / _any_chain(log, rng))[-1].path
    content = path.read_bytes()
    ends = [place for place, byte in enumerate(content[:-1], 1) if byte == ord("\n")]
    path.write_bytes(content[: rng.choice([*ends, rng.randrange(len(content))])])


def change_a_field(log: Path, rng: random.Random) -> None:
    """Change a score, and give the record the hash that it has then."""
    path, lines = _any_lines(log, rng)
    place = rng.randrange(len(lines))
    lines[place] = _resealed(lines[place], None)[0]
    path.write_bytes(b"".join(lines))


def rewrite(log: Path, rng: random.Random) -> None:
    """Change a score, and give all records from there on the hashes that fit."""
    found = segments(log / _any_chain(log, rng))
    lines = [line for segment in found for line in segment.path.read_bytes().splitlines(keepends=True)]
    start = rng.randrange(len(lines))
    before: Link | None = None
    for place in range(start, len(lines)):
        lines[place], before = _resealed(lines[place], before, place == start)
    for segment, end in zip(found, [*(each.first - 1 for each in found[1:]), len(lines)], strict=True):
        segment.path.write_bytes(b"".join(lines[segment.first - 1 : end]))


def remove_a_segment(log: Path, rng: random.Random) -> None:
    """Delete a file."""
    _any_file(log, rng)[0].unlink()


def replace_a_file(log: Path, rng: random.Random) -> None:
    """Put a file in the place of another one, of the same chain or of the other."""
    paths = [segment.path for chain in chains(log) for segment in segments(log / chain)]
    one, other = rng.sample(paths, 2)
    shutil.copyfile(one, other)


TAMPERINGS: Mapping[str, Callable[[Path, random.Random], None]] = {
    each.__name__: each
    for each in (
        flip_a_bit, delete_a_line, swap_lines, insert_a_line, truncate, change_a_field, rewrite, remove_a_segment,
        replace_a_file,
    )
}  # fmt: skip


def _any_chain(log: Path, rng: random.Random) -> str:
    return rng.choice(chains(log))


def _any_file(log: Path, rng: random.Random) -> tuple[Path, bytearray]:
    path = rng.choice(segments(log / _any_chain(log, rng))).path
    return path, bytearray(path.read_bytes())


def _any_lines(log: Path, rng: random.Random) -> tuple[Path, list[bytes]]:
    path, content = _any_file(log, rng)
    lines = bytes(content).splitlines(keepends=True)
    return (path, lines) if len(lines) > 1 else _any_lines(log, rng)


def _resealed(line: bytes, before: Link | None, changed: bool = True) -> tuple[bytes, Link]:
    """Return a record with another score, sealed again, behind the record that it had before it or another one."""
    link = parsed(line)
    if before is None:
        before = Link(link.sequence - 1, "", "", link.previous)
    body = line[line.index(b'"kind"') : -len(b',"hash":""}\n') - 64]
    fields = body[body.index(b",") + 1 :]
    if changed:
        fields = FIELD.sub(lambda found: b'"score":0.%d' % ((int(found[1]) + 1) % 10), fields)
    return sealed(before, link.kind, b"{" + fields + b"}")
