"""The ledger of an artifact: all that happened to its versions, in order, as tags in git.

The ref `refs/release/NAME` is the newest entry. An entry is written in one transaction of git, which moves that ref
from what was read to what is new: when two write at once, one of them finds it moved, and is told. Each entry names the
object of the one before it, so none can be changed or taken out unseen.

An entry counts as soon as one of its refs is there. A process that is killed within git's transaction leaves some out;
`complete` makes them again from the others.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.identity import tagger
from lifecycle.release.registry.ledger_entry import ASK, IDENTITY, REGISTER, Entry, parse_entry
from lifecycle.release.registry.tags import patterns
from lifecycle.release.registry.transitions import State
from lifecycle.repository.git import answer_of, git

FIELDS = "%(refname)%00%(objectname)%00%(tag)%00%(tagger)%00%(contents)%00"
SEEN = "refs/release-of"  # below it, by remote, what a remote had when it was last seen
PATIENCE = 5.0  # seconds that another git may take over its transaction


class Release(NamedTuple):
    """A registered version: its number, its bundle's version, and the commit that made it."""

    number: str
    version: str
    commit: str


@dataclass(frozen=True)
class Ledger:
    """What has been read.

    Parameters
    ----------
    artifact : str
        The name of the model.
    head : str
        What the ref holds; empty where there is none: a clone does not fetch it.
    objects : tuple of str
        Object of each entry: that of its first tag.
    entries : tuple of Entry
        The oldest first.
    missing : tuple of str
        Tags that entries name and that are not there, or are something else.
    strays : tuple of str
        Tags in the registry's format that no entry names: another program has made them, or somebody was faster.
    """

    artifact: str
    head: str = ""
    objects: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    missing: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    @property
    def tip(self) -> str:
        """Object of the newest entry, empty where there is none."""
        return self.objects[-1] if self.objects else ""

    @property
    def releases(self) -> dict[str, Release]:
        """The registered versions by release number, in the order of their registration."""
        found = [entry for entry in self.entries if entry.step == REGISTER]
        return {entry.number: Release(entry.number, entry.version, entry.tags[0].commit) for entry in found}

    def release(self, name: str) -> Release:
        """Return a release by its number, or by the version of its bundle.

        Raises
        ------
        PipelineError
            There is none; names those that there are.
        """
        by_name = {release.version: release for release in self.releases.values()} | self.releases
        if name not in by_name:
            known = ", ".join(self.releases) or "none"
            raise PipelineError(f"{name}: no release of {self.artifact}; known: {known}")
        return by_name[name]

    def registration(self, number: str) -> Entry:
        """Return the entry by which a release was registered."""
        return next(entry for entry in self.entries if entry.step == REGISTER and entry.number == number)

    def states(self, environment: str) -> dict[str, State]:
        """Return the state of each version in an environment, by release number."""
        states: dict[str, State] = {}
        for entry in self.entries:
            states = entry.states_after(states, environment)
        return states

    def last(self, number: str, environment: str) -> Entry:
        """Return the entry that has brought a version where it is in an environment: its own, or another's."""
        moved = [
            entry
            for entry in self.entries
            if entry.step != ASK
            and entry.environment in ("", environment)
            and number in {tag.number for tag in entry.tags}
        ]
        return moved[-1]

    def request(self, number: str, environment: str, step: str) -> Entry | None:
        """Return the open request for a step: nothing has happened to the version since."""
        moved = self.last(number, environment).sequence
        wanted = (number, environment, step)
        return next(
            (
                entry
                for entry in reversed(self.entries)
                if entry.step == ASK
                and (entry.number, entry.environment, entry.asked) == wanted
                and entry.sequence > moved
            ),
            None,
        )


class _Ref(NamedTuple):
    name: str
    object: str
    tag: str
    tagger: str
    message: str


def head_of(artifact: str) -> str:
    """Return the name of the ref that is the newest entry of an artifact."""
    return f"refs/release/{artifact}"


def read_ledger(artifact: str, head: str | None = None) -> Ledger:
    """Read the ledger of an artifact from the tags of this repository.

    Parameters
    ----------
    artifact : str
        The name of the model.
    head : str, optional
        Object of an entry that must be part of it, where that is not what the ref holds.

    Raises
    ------
    PipelineError
        An entry is missing or was changed; this is no git repository.
    """
    wanted = (head_of(artifact), *(re.sub(r"/\*$", "/**", pattern) for pattern in patterns(artifact)))
    seen = [pattern.replace("refs/", f"{SEEN}/*/", 1) for pattern in wanted]
    printed = git("for-each-ref", f"--format={FIELDS}", *wanted, *seen) or ""
    parts = printed.split("\0")
    refs = [_Ref(*(part.lstrip("\n") for part in parts[start : start + 5])) for start in range(0, len(parts) - 5, 5)]
    own = next((ref.object for ref in refs if ref.name == head_of(artifact)), "")
    by_object = _entries(refs)
    chain = _chain(artifact, by_object, own if head is None else head)
    entries = tuple(by_object[name] for name in chain)
    named = {(tag.tag, entry.message): tag.tag for entry in entries for tag in entry.tags}
    tags = {(name, ref.message) for ref in refs if (name := ref.name.removeprefix("refs/tags/")) != ref.name}
    missing = (tag for key, tag in named.items() if key not in tags)
    strays = {name for name, _ in tags} - set(named.values())
    return Ledger(artifact, own, tuple(chain), entries, tuple(missing), tuple(sorted(strays)))


def _entries(refs: Sequence[_Ref]) -> dict[str, Entry]:
    """Return the entries by the object of their first tag, which is made again where it is missing."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for ref in refs:
        found.setdefault((ref.message, ref.tagger), {})[ref.tag] = ref.object
    entries = {}
    for (message, written_by), objects in found.items():
        entry = parse_entry(message, written_by)
        if entry is not None:
            first = entry.tags[0]
            entries[objects.get(first.tag) or _write(entry.tag_object(first))] = entry
    return entries


def _chain(artifact: str, entries: dict[str, Entry], head: str) -> list[str]:
    """Return the objects of the longest chain that holds the head, the oldest first."""
    for newest in sorted(entries, key=lambda name: entries[name].sequence, reverse=True):
        chain = [newest]
        while chain[-1] in entries and entries[chain[-1]].after:
            chain.append(entries[chain[-1]].after)
        if chain[-1] in entries and (head in chain or head not in entries):
            return chain[::-1]
    if entries:
        known = {entry.sequence for entry in entries.values()}
        lost = min({*range(1, max(known) + 2)} - known)
        raise PipelineError(
            f"the registry of {artifact} is no whole chain: entry {lost} is missing or was changed; another clone may"
            f" have it: git fetch --tags --force, or git push --tags from there"
        )
    return []


def _write(content: str) -> str:
    """Write a tag object, and return its name."""
    answer = answer_of("mktag", content=content)
    if answer.status:
        raise PipelineError(f"git can't write a tag: {answer.complaint.strip()}")
    return answer.printed.strip()


def next_entry(ledger: Ledger, draft: Entry) -> Entry:
    """Return an entry as the next one of a ledger; its time is after that of the one before, whatever the clock says.

    Programs sort tags by their time, and that has seconds.
    """
    found = IDENTITY.fullmatch(written := tagger())
    if found and ledger.entries and int(found["at"]) <= (last := int(ledger.entries[-1].at.timestamp())):
        written = f"{written[: found.start('at')]}{last + 1}{written[found.end('at') :]}"
    return replace(draft, sequence=len(ledger.entries) + 1, after=ledger.tip, tagger=written)


def append(ledger: Ledger, draft: Entry) -> Ledger:
    """Write the next entry of a ledger that has been read; return the ledger with it.

    Raises
    ------
    PipelineError
        Somebody was faster: says who, and what that was. Nothing is written then.
    """
    entry = next_entry(ledger, draft)
    objects = [_write(entry.tag_object(tag)) for tag in entry.tags]
    lines = [head_moves(ledger, objects[0])]
    lines += [f"create refs/tags/{tag.tag} {name}" for tag, name in zip(entry.tags, objects, strict=True)]
    end = time.monotonic() + PATIENCE
    while complaint := transaction(lines):
        if (winners := overtaken(ledger)) is not None:
            raise PipelineError(f"somebody was faster: {winners}; look at `release status`, and decide anew")
        if time.monotonic() > end:
            raise PipelineError(f"git can't write the tags: {complaint}")
        time.sleep(0.02)
    return replace(ledger, head=objects[0], objects=(*ledger.objects, objects[0]), entries=(*ledger.entries, entry))


def head_moves(ledger: Ledger, to: str) -> str:
    """Return the line of a transaction that moves the head, if it is still what was read; it comes first."""
    head = head_of(ledger.artifact)
    return f"update {head} {to} {ledger.head}" if ledger.head else f"create {head} {to}"


def transaction(lines: Sequence[str]) -> str:
    """Change refs all or none; return what git complains of, empty when all are changed."""
    answer = answer_of("update-ref", "--stdin", content="\n".join(["start", *lines, "prepare", "commit", ""]))
    return answer.complaint.strip() or "it ended without a word" if answer.status else ""


def overtaken(ledger: Ledger) -> str | None:
    """Return in words what others have written since a ledger was read; None where nobody has."""
    now = read_ledger(ledger.artifact)
    newer = [entry for name, entry in zip(now.objects, now.entries, strict=True) if name not in ledger.objects]
    if newer:
        return "; ".join(f"{entry.who} has written '{entry.sentence}'" for entry in newer)
    return None if now.head == ledger.head else "the registry was fetched meanwhile"


def complete(ledger: Ledger, lost: Sequence[str] = ()) -> list[str]:
    """Make what a killed process has left out of its last transaction; return the refs that were made.

    Parameters
    ----------
    ledger : Ledger
        Whose head and tags are made.
    lost : sequence of str
        Tags to remove in the same transaction.

    Raises
    ------
    PipelineError
        Git can't write them.
    """
    made = {
        f"refs/tags/{tag.tag}": _write(entry.tag_object(tag))
        for entry in ledger.entries
        for tag in entry.tags
        if tag.tag in ledger.missing
    }
    lines = [f"update {ref} {name}" for ref, name in made.items()] + [f"delete refs/tags/{name}" for name in lost]
    if ledger.tip != ledger.head:
        lines.insert(0, head_moves(ledger, ledger.tip))
        made[head_of(ledger.artifact)] = ledger.tip
    if lines and (complaint := transaction(lines)):
        raise PipelineError(f"git can't write the registry's tags: {complaint}; try again")
    return [*made]
