"""Anchors of the audit log: the newest record of each chain, kept in git, where the log's writers can't reach it.

An anchor is an annotated tag `audit/LOG/CHAIN/DATE`, LOG being the name of the log's folder. Its message is the number
of the record and its hash. A chain of hashes can be rewritten from any record on by whoever may write the files, and
its end can be cut off; neither can be done to a record before an anchor without being found. So push the tags to a
server that takes no changed tags.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_chain import CHAIN, Link
from lifecycle.repository.git import git

PREFIX = "audit"
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*").fullmatch  # what git lets stand in a tag, and no more
MESSAGE = re.compile(r"record ([1-9]\d*) ([0-9a-f]{64})").fullmatch


class Anchor(NamedTuple):
    """A record of a chain that git knows.

    Parameters
    ----------
    tag, chain : str
        The tag, and the chain that it is about.
    sequence : int
        Number of the record.
    hash : str
        Its hash, 64 hexadecimal digits.
    """

    tag: str
    chain: str
    sequence: int
    hash: str


def anchors_of(log: Path, repository: Path) -> list[Anchor]:
    """Return the anchors of a log that a repository has.

    Raises
    ------
    PipelineError
        A tag has the name of an anchor, and is none: somebody has put another one in its place.
    """
    place = f"refs/tags/{_prefix(log)}/"
    form = "--format=%(objecttype) %(refname) %(contents:subject)"
    found = []
    for line in (git("for-each-ref", form, place, folder=repository) or "").splitlines():
        kind, name, *words = line.split(" ", 2)
        chain = name.removeprefix(place).split("/")[0]
        message = MESSAGE(words[0]) if words else None
        if kind != "tag" or message is None or CHAIN(chain) is None:
            raise PipelineError(
                f"{name}: no anchor of the audit log; `git fetch --tags --force` brings the server's back"
            )
        found.append(Anchor(name.removeprefix("refs/tags/"), chain, int(message[1]), message[2]))
    return found


def write_anchors(log: Path, repository: Path, heads: Sequence[tuple[str, Link]], now: datetime) -> list[Anchor]:
    """Anchor the newest records of chains; return the new anchors: a record that has one needs no other.

    Parameters
    ----------
    log, repository : Path
        The log, and where the tags go.
    heads : sequence of (str, Link)
        Chains and their newest records.
    now : datetime
        Gives the date of the tags' names; a second anchor of a day has `.2` behind it, and so on.

    Raises
    ------
    PipelineError
        Git could not write a tag.
    """
    known = anchors_of(log, repository)
    taken, anchored = {anchor.tag for anchor in known}, {(anchor.chain, anchor.hash) for anchor in known}
    written = []
    for chain, head in heads:
        if head.sequence and (chain, head.hash) not in anchored:
            anchor = Anchor(_free(f"{_prefix(log)}/{chain}/{now:%Y-%m-%d}", taken), chain, head.sequence, head.hash)
            message = f"record {anchor.sequence} {anchor.hash}"
            if git("tag", "-a", "--no-sign", "-m", message, anchor.tag, folder=repository) is None:
                advice = "it needs a commit, and user.name and user.email"
                raise PipelineError(f"{anchor.tag}: git could not write the tag; {advice}")
            written.append(anchor)
    return written


def push(anchors: Sequence[Anchor], repository: Path, remote: str) -> None:
    """Send tags to a server.

    Raises
    ------
    PipelineError
        It did not take them.
    """
    names = [f"refs/tags/{anchor.tag}" for anchor in anchors]
    if names and git("push", "--quiet", remote, *names, folder=repository) is None:
        raise PipelineError(f"{remote}: the server did not take the anchors; they are in this clone alone")


def _prefix(log: Path) -> str:
    name = log.resolve().name
    if NAME(name) is None:
        raise PipelineError(f"{log}: the folder's name stands in tags of git; use letters, digits, _ and -")
    return f"{PREFIX}/{name}"


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while (found := name if number == 1 else f"{name}.{number}") in taken:
        number += 1
    return found
