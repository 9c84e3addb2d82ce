"""Verify the audit log: each chain from its first record to its last, what was pruned, and what was anchored in git."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_anchors import Anchor
from lifecycle.release.audit.audit_chain import (
    EVENTS,
    BrokenLineError,
    Link,
    Segment,
    beginning,
    chains,
    lines_of,
    parsed,
    records_of,
    segments,
)

COUNTED = {"gap": "gaps that the service has told of", "start": "starts"}  # kinds, and how `summary` calls them


class Fault(NamedTuple):
    """Where a chain is broken.

    Parameters
    ----------
    place : Path
        The file, or the folder of the chain.
    line : int
        Its number in the file, from 1; 0: no line, but what is missing.
    sequence : int
        The record that should stand there.
    reason : str
        One word (unreadable, hash, gap, order, link, name, truncated, rewritten, missing), and an explanation.
    """

    place: Path
    line: int
    sequence: int
    reason: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.place}{line}, sequence {self.sequence}: {self.reason}"


class Pruned(NamedTuple):
    """The last record of a chain that was removed for its age, as the chain of events has it."""

    chain: str
    last: int
    hash: str


@dataclass
class ChainReport:
    """What is found in a chain.

    Parameters
    ----------
    name : str
        Of the chain.
    first : int
        Number of its first record.
    head : Link
        The last record, or the last one before a fault.
    fault : Fault or None
        The first.
    torn : int
        Bytes of a line at the end that is not whole: it is being written, or a process was killed.
    kinds : dict of str to int
        How many records there are of the kinds in `COUNTED`.
    hashes : dict of int to str
        Of the records that were asked for.
    """

    name: str
    first: int
    head: Link
    fault: Fault | None = None
    torn: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Number of the last record."""
        return self.head.sequence


def verify(log: Path, anchors: Sequence[Anchor]) -> list[ChainReport]:
    """Return what is found in each chain of a log; a chain that only the anchors know is missing.

    Parameters
    ----------
    log : Path
        The folder.
    anchors : sequence of Anchor
        All that there are of this log.

    Raises
    ------
    PipelineError
        There is no log.
    """
    present, pruned = chains(log), pruned_of(log)
    reports = []
    for name in dict.fromkeys((*present, *(anchor.chain for anchor in anchors))):
        own = [anchor for anchor in anchors if anchor.chain == name]
        report = follow(log / name, {anchor.sequence for anchor in own}, pruned.get(name, []))
        if report.fault is None:
            report.fault = _against(log / name, report, own)
        reports.append(report)
    return reports


def pruned_of(log: Path) -> Mapping[str, list[Pruned]]:
    """Return where chains may begin later than at their first record, by the log's own events."""
    found: dict[str, list[Pruned]] = {}
    for record in records_of(log, EVENTS, b'"kind":"pruned"'):
        try:
            one = Pruned(str(record["chain"]), int(record["last"]), str(record["last_hash"]))
        except (KeyError, ValueError, TypeError):
            continue  # the chain of events is broken there, and its own report says so
        found.setdefault(one.chain, []).append(one)
    return found


def follow(folder: Path, wanted: Collection[int], pruned: Sequence[Pruned] = ()) -> ChainReport:
    """Follow a chain to its end or to the first fault.

    Parameters
    ----------
    folder : Path
        The chain.
    wanted : collection of int
        Records whose hashes are to be reported.
    pruned : sequence of Pruned
        Records behind which it may begin.
    """
    try:
        found = segments(folder)
    except PipelineError as error:
        return ChainReport(folder.name, 1, beginning(folder.name), Fault(folder, 0, 1, f"name: {error}"))
    before = _start(folder.name, found, pruned)
    report = ChainReport(folder.name, before.sequence + 1, before)
    if before.sequence:  # it was pruned up to there, and what the anchors say of that record still holds
        report.hashes[before.sequence] = before.hash
    for segment in found:
        _through(segment, report, wanted, segment is found[-1])
        if report.fault is not None:
            break
    return report


def _start(chain: str, found: Sequence[Segment], pruned: Sequence[Pruned]) -> Link:
    """Return the record before the first one that is there."""
    for one in pruned:
        if found and found[0].first == one.last + 1:
            return Link(one.last, "", "", one.hash)
    return beginning(chain)


def _through(segment: Segment, report: ChainReport, wanted: Collection[int], newest: bool) -> None:
    """Follow a chain through one segment, to its end or to a fault."""
    due = report.last + 1
    if segment.first != due:
        word = "gap" if segment.first > due else "order"
        reason = f"{word}: the file's name says that it begins with {segment.first}, and {due} is due"
        report.fault = Fault(segment.path, 0, due, reason)
        return
    for number, line in enumerate(lines_of(segment), 1):
        if newest and not line.endswith(b"\n"):
            report.torn = len(line)
            return
        try:
            link = parsed(line)
            _check(report.head, link)
        except BrokenLineError as error:
            report.fault = Fault(segment.path, number, report.last + 1, str(error))
            return
        report.head = link
        if link.kind in COUNTED:
            report.kinds[link.kind] = report.kinds.get(link.kind, 0) + 1
        if link.sequence in wanted:
            report.hashes[link.sequence] = link.hash


def _check(before: Link, link: Link) -> None:
    due = before.sequence + 1
    if link.sequence > due:
        raise BrokenLineError(f"gap: record {link.sequence} follows {before.sequence}; {due} is missing")
    if link.sequence < due:
        raise BrokenLineError(f"order: record {link.sequence} follows {before.sequence}")
    if link.previous != before.hash:
        raise BrokenLineError("link: the record was not written behind the one before it; one of the two is another")


def _against(folder: Path, report: ChainReport, anchors: Sequence[Anchor]) -> Fault | None:
    """Hold a chain that is sound in itself against its anchors."""
    for anchor in sorted(anchors, key=lambda one: one.sequence):
        if anchor.sequence > report.last:
            lost = anchor.sequence - report.last
            word = "truncated" if report.last else "missing"
            reason = f"{word}: {lost} records at the end are gone; {anchor.tag} in git has record {anchor.sequence}"
            return Fault(folder, 0, report.last + 1, reason)
        if report.hashes.get(anchor.sequence, anchor.hash) != anchor.hash:
            return Fault(folder, 0, anchor.sequence, f"rewritten: not the record that {anchor.tag} in git has")
    return None


def summary(report: ChainReport, anchors: Sequence[Anchor]) -> str:
    """Return a line on a sound chain: its records, how many have no anchor yet, and the gaps that it tells of."""
    parts = [f"{report.name}: records {report.first:,} to {report.last:,} are whole"]
    if report.last < report.first:
        parts = [f"{report.name}: empty"]
    if report.first > 1:
        parts.append(f"{report.first - 1:,} before them were pruned")
    newest = max((anchor.sequence for anchor in anchors if anchor.chain == report.name), default=0)
    parts.append(f"{max(report.last - newest, 0):,} not yet anchored")
    parts += [f"{report.kinds[kind]:,} {words}" for kind, words in COUNTED.items() if kind in report.kinds]
    if report.torn:
        parts.append(f"{report.torn} bytes of an unfinished line")
    return "; ".join(parts)
