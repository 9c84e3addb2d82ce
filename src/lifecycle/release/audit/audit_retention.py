"""Remove old segments of the audit log, and leave on record who has removed what."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.atomic import sync_folder
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_anchors import Anchor
from lifecycle.release.audit.audit_chain import EVENTS, Segment, lines_of, parsed, segments
from lifecycle.release.audit.audit_verification import ChainReport
from lifecycle.release.audit.audit_writer import append_event


class Removal(NamedTuple):
    """A segment that is removed.

    Parameters
    ----------
    segment : Segment
        The file.
    chain : str
        Its chain.
    last : int
        Number of its last record.
    hash : str
        Of its last record, which the rest of the chain is tied to.
    """

    segment: Segment
    chain: str
    last: int
    hash: str


def old_segments(log: Path, reports: Sequence[ChainReport], anchors: Sequence[Anchor], before: date) -> list[Removal]:
    """Return the segments of decisions begun before a day, without the newest of each chain; the events stay.

    Parameters
    ----------
    log : Path
        The folder.
    reports : sequence of ChainReport
        Of the whole log, which is sound.
    anchors : sequence of Anchor
        Of the log.
    before : date
        The first day that stays.

    Raises
    ------
    PipelineError
        A segment lies behind the newest anchor of its chain: nothing could show later that what is left is unchanged.
    """
    found = []
    for chain in (report.name for report in reports if report.name != EVENTS):
        anchored = max((anchor.sequence for anchor in anchors if anchor.chain == chain), default=0)
        for segment in segments(log / chain)[:-1]:
            if date.fromisoformat(segment.day) >= before:
                break
            *_, line = lines_of(segment)
            link = parsed(line)
            if link.sequence > anchored:
                advice = "run `release audit anchor` first"
                raise PipelineError(f"{segment.path}: its end, record {link.sequence}, is not anchored; {advice}")
            found.append(Removal(segment, chain, link.sequence, link.hash))
    return found


def prune(log: Path, removals: Sequence[Removal], by: str, days: int) -> None:
    """Remove segments, oldest first; each one only once the log says so, who has asked for it, and how it ended.

    A kill in between leaves at most one segment that the log calls removed; the next call removes it.
    """
    for removal in removals:
        first = removal.segment.first
        about = {"chain": removal.chain, "first": first, "last": removal.last, "last_hash": removal.hash}
        append_event(log, "pruned", {**about, "day": removal.segment.day, "days": days, "by": by})
        removal.segment.path.unlink()
        sync_folder(removal.segment.path.parent)
