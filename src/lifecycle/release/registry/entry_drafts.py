"""Drafts of ledger entries: a registration, a step of the life cycle, the request for a step that a second approves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.ledger import Ledger, Release
from lifecycle.release.registry.ledger_entry import ASK, REGISTER, Entry, EntryTag, Person
from lifecycle.release.registry.tags import TagName, parse_tag
from lifecycle.release.registry.transitions import Move, Step, plan, stage_of


class Act(NamedTuple):
    """Who does something, why, and on what evidence."""

    who: Person
    why: str
    evidence: Mapping[str, Any] = {}
    asked_by: Person | None = None
    share: float = 0.0
    automatic: bool = False


def registration(ledger: Ledger, release: Release, act: Act) -> Entry:
    """Return the entry of a new release.

    Raises
    ------
    PipelineError
        Its number is taken, or the commit or the bundle is a release already: gto knows a version by its commit.
    """
    for known in ledger.releases.values():
        if known.number == release.number:
            raise PipelineError(f"{release.number} is taken, by commit {known.commit[:12]}")
        if known.commit == release.commit:
            raise PipelineError(f"commit {release.commit[:12]} is registered already, as {known.number}")
        if known.version == release.version:
            raise PipelineError(f"the bundle {release.version} is registered already, as {known.number}")
    tag = TagName(ledger.artifact, number=release.number)
    return _entry(ledger, REGISTER, release, act, [EntryTag(str(tag), release.number, release.commit)])


def step_draft(ledger: Ledger, environment: str, step: Step, number: str, act: Act) -> Entry:
    """Return the entry of a step.

    Raises
    ------
    PipelineError
        The step is illegal; names the legal ones.
    """
    moves = plan(ledger.states(environment), step, number)
    entry = _entry(ledger, step, ledger.release(number), act, _stage_tags(ledger, environment, moves))
    return replace(entry, environment=environment)


def request_draft(ledger: Ledger, environment: str, step: Step, number: str, act: Act) -> Entry:
    """Return the entry that asks for a step.

    Raises
    ------
    PipelineError
        The step is illegal, or it is asked for already.
    """
    plan(ledger.states(environment), step, number)
    if (open_one := ledger.request(number, environment, step)) is not None:
        raise PipelineError(f"{step} {number}: {open_one.who} has asked for it already; another person: --approve")
    name = TagName(ledger.artifact, number, environment, counter=_count(ledger), asked=step)
    release = ledger.release(number)
    entry = _entry(ledger, ASK, release, act, [EntryTag(str(name), number, release.commit)])
    return replace(entry, environment=environment, asked=step)


def approved(ledger: Ledger, environment: str, step: Step, number: str, who: Person) -> Entry:
    """Return the open request for a step that a person may approve.

    Raises
    ------
    PipelineError
        Nobody has asked, or it was the same person.
    """
    request = ledger.request(number, environment, step)
    if request is None:
        raise PipelineError(f"{step} {number}: nobody has asked for it in {environment} since it came where it is")
    if request.who.is_same(who):
        raise PipelineError(f"{step} {number}: {request.who} has asked for it, so somebody else has to approve it")
    return request


def _entry(ledger: Ledger, step: str, release: Release, act: Act, tags: Sequence[EntryTag]) -> Entry:
    why = act.why.encode("utf-8", "replace").decode().strip()
    if not why:
        raise PipelineError("--why: say in a sentence why; it is kept with the release")
    registered = [entry for entry in ledger.entries if entry.step == REGISTER and entry.number == release.number]
    evidence = {key: value for entry in registered for key, value in entry.evidence.items() if key != "gates"}
    return Entry(
        sequence=0, after="", step=step, environment="", number=release.number, version=release.version, why=why,
        who=act.who, tags=tuple(tags), asked_by=act.asked_by, share=act.share, automatic=act.automatic,
        evidence=evidence | dict(act.evidence),
    )  # fmt: skip


def _stage_tags(ledger: Ledger, environment: str, moves: Sequence[Move]) -> list[EntryTag]:
    """Return the tags of some moves: who enters a stage, and who leaves one; the first one enters."""
    names = []
    for move in moves:
        enters = TagName(ledger.artifact, stage=stage_of(environment, move.after), leaves=False)
        names.append((move.number, enters))
        if move.before not in ("registered", move.after):
            leaves = TagName(ledger.artifact, stage=stage_of(environment, move.before), leaves=True)
            names.append((move.number, leaves))
    first = _count(ledger)
    commits = {number: release.commit for number, release in ledger.releases.items()}
    return [
        EntryTag(str(name._replace(counter=first + place)), number, commits[number])
        for place, (number, name) in enumerate(names)
    ]


def _count(ledger: Ledger) -> int:
    """Return the next running number of an artifact: gto counts all its tags together."""
    names = [*ledger.strays, *(tag.tag for entry in ledger.entries for tag in entry.tags)]
    return 1 + max((said.counter for said in map(parse_tag, names) if said), default=0)
