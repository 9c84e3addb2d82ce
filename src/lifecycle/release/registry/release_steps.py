"""The steps of a release as one does them: read the registry, write the entry, share it, make the route follow.

The order is the safety: what was taken back in a hurry is recorded first; the entry is the truth; the route follows it
last, and `sync` does what a killed process has not come to.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_writer import append_event
from lifecycle.release.registry.entry_drafts import Act, approved, registration, request_draft, step_draft
from lifecycle.release.registry.environment_route import follow
from lifecycle.release.registry.identity import person, person_without_git
from lifecycle.release.registry.ledger import Ledger, Release, append, complete, read_ledger
from lifecycle.release.registry.ledger_entry import Entry
from lifecycle.release.registry.released_commit import artifact_name, commit_to_release, evidence_of, fetch_bundle
from lifecycle.release.registry.rollback import forget, rollback_draft, take_back, unrecorded
from lifecycle.release.registry.shared_registry import fetch, push
from lifecycle.release.registry.tags import Bump, check_number, next_number, patterns
from lifecycle.release.registry.transitions import Step, rollback_number
from lifecycle.repository.git import answer_of, git

AUDIT = "audit"  # beside the route: the audit log of the service that follows it
Checks = Sequence[Mapping[str, Any]]  # what a gate found, check by check, as the ledger keeps it


class Place(NamedTuple):
    """Where a release happens.

    Parameters
    ----------
    environment : str
        dev, test or prod.
    folder : Path or None
        Where its route stands; None: on another machine, where `release sync` makes it follow.
    remote : str or None
        git remote that the registry is shared by.
    """

    environment: str
    folder: Path | None = None
    remote: str | None = None

    @property
    def artifact(self) -> str:
        """The name of the model in the registry; read when it is asked for: a rollback's first half needs none."""
        return artifact_name()


def opened(place: Place) -> tuple[Ledger, list[str]]:
    """Return the ledger with all that is to come before a new entry, and in words what was mended for that.

    Raises
    ------
    PipelineError
        The registry can't be read, or the remote does not answer.
    """
    told: list[str] = []
    if place.remote:
        ledger, told = fetch(place.artifact, place.remote)
    else:
        ledger = read_ledger(place.artifact)
        _check_tags_are_here(ledger)
    if complete(ledger):
        told += [f"made again, a killed process had left it out: tag {name}" for name in ledger.missing]
        ledger = read_ledger(place.artifact)
    for event in unrecorded(place.folder) if place.folder else []:
        if (draft := rollback_draft(ledger, event)) is not None:
            ledger = _written(place, ledger, draft)
            told.append(f"recorded: {ledger.entries[-1].sentence}")
        forget(place.folder or Path(), event)
    return ledger, told


def _check_tags_are_here(ledger: Ledger) -> None:
    """Refuse to begin a registry anew in a shallow clone, which has no tags unless it was told to fetch them."""
    if ledger.entries or (git("rev-parse", "--is-shallow-repository") or "").strip() != "true":
        return
    answer = answer_of("ls-remote", "--tags", "origin", *patterns(ledger.artifact))
    if answer.status or answer.printed:
        raise PipelineError(
            "this clone is shallow and has no tags of the registry: git fetch --tags origin (in CI: fetch-depth: 0)"
        )


def _written(place: Place, ledger: Ledger, draft: Entry) -> Ledger:
    after = append(ledger, draft)
    if place.remote:
        push(after, place.remote, appended=1)
    if place.folder is not None and (place.folder / AUDIT).is_dir():
        _audit(place.folder / AUDIT, after.entries[-1])
    return after


def _audit(log: Path, entry: Entry) -> None:
    """Put an entry into the audit log beside the decisions; that it can't be is told, for the entry stands already."""
    fields = {name: getattr(entry, name) for name in ("step", "environment", "number", "version", "why", "automatic")}
    try:
        append_event(log, "transition", fields | {"who": str(entry.who), "tag": entry.tags[0].tag})
    except (PipelineError, OSError) as error:
        print(f"not in the audit log: {error}", file=sys.stderr)


def register(place: Place, why: str, number: str | None, bump: Bump, gates: Checks = ()) -> Entry:
    """Register the commit that is checked out; return the entry.

    Raises
    ------
    PipelineError
        It has no whole bundle, is a release already, or its number is taken.
    """
    who, commit = person(), commit_to_release()
    ledger, _ = opened(place)
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        bundle = Path(temporary, "bundle")
        version = fetch_bundle(commit, bundle).version
        evidence = evidence_of(commit, bundle)._asdict() | {"gates": list(gates)}
    number = next_number(ledger.releases, bump) if number is None else check_number(number)
    draft = registration(ledger, Release(number, version, commit), Act(who, why, evidence))
    return _written(place, ledger, draft).entries[-1]


def take_step(place: Place, step: Step, name: str, act: Act) -> tuple[Entry, list[str]]:
    """Do a step that needs no second person: read the registry, then as `decide` does."""
    ledger, told = opened(place)
    entry, more = decide(place, ledger, step, ledger.release(name).number, act)
    return entry, [*told, *more]


def decide(
    place: Place, ledger: Ledger, step: Step, number: str, act: Act, *, approve: bool | None = None
) -> tuple[Entry, list[str]]:
    """Write the entry of a step, or the request for it, and make the route follow; return it with what else happened.

    Parameters
    ----------
    place : Place
        Where.
    ledger : Ledger
        As `opened` has returned it.
    step : str
        Of the life cycle.
    number : str
        Of the release.
    act : Act
        Who, why, share, and what the gates found.
    approve : bool, optional
        Of a step that needs a second person: whether this one approves; None: it needs none.

    Raises
    ------
    PipelineError
        The step is illegal, somebody was faster, or a second person is needed.
    """
    if approve is False:
        asked = _written(place, ledger, request_draft(ledger, place.environment, step, number, act))
        return asked.entries[-1], ["another person does it: the same command with --approve"]
    if approve:
        request = approved(ledger, place.environment, step, number, act.who)
        act = act._replace(asked_by=request.who, share=request.share)  # that is what is approved
    ledger = _written(place, ledger, step_draft(ledger, place.environment, step, number, act))
    return ledger.entries[-1], _followed(place, ledger)


def _followed(place: Place, ledger: Ledger) -> list[str]:
    if place.folder is None:
        return [f"the route of {place.environment} follows where it stands: release sync"]
    route, changed = follow(ledger, place.environment, place.folder)
    if route is None:
        return [f"no version answers in {place.environment} yet"]
    share = f" with {route.share:.0%}" if route.share else ""
    arm = f", {route.mode} {route.challenger}{share}" if route.challenger else ""
    state = "is now" if changed else "is, as before,"
    return [f"route {route.epoch} of {place.folder} {state} {route.champion}{arm}"]


def sync(place: Place) -> list[str]:
    """Do all that is left to do, in the order that makes it safe; done twice, the second time does nothing.

    Raises
    ------
    PipelineError
        Something of it can't be done: says what.
    """
    ledger, told = opened(place)
    if place.remote and (count := push(ledger, place.remote)):
        told.append(f"pushed to {place.remote}: {count} entries")
    strays = [f"passed over, no entry of the ledger names it: tag {name}" for name in ledger.strays]
    return [*told, *strays, *_followed(place, ledger)]


def roll_back(place: Place, why: str, automatic: bool = False) -> list[str]:
    """Take back the last change of who answers: in the route, then in the registry; return what happened.

    Raises
    ------
    PipelineError
        There is nothing to take back. That the registry can't be reached is told only; `sync` records it later.
    """
    if place.folder is not None:
        return [route_back(place, place.folder, why, automatic), *record(place)]
    ledger, told = opened(place)
    number = rollback_number(ledger.states(place.environment))
    draft = step_draft(ledger, place.environment, "rollback", number, Act(person(), why, automatic=automatic))
    ledger = _written(place, ledger, draft)
    return [*told, ledger.entries[-1].sentence, *_followed(place, ledger)]


def route_back(place: Place, folder: Path, why: str, automatic: bool = False) -> str:
    """Take back the last change of who answers in the route alone; return what happened.

    Raises
    ------
    PipelineError
        There is nothing to take back.
    """
    if not why.strip():
        raise PipelineError("--why: say in a sentence why; it is kept with the release")
    route, event = take_back(folder, place.environment, why, person_without_git(), automatic)
    return f"route {route.epoch}: {route.champion} answers, {event.taken} is taken back"


def record(place: Place) -> list[str]:
    """Record the rollbacks of an environment in the registry; return what happened, also where that can't be done."""
    try:
        return opened(place)[1]
    except (PipelineError, OSError) as error:
        return [f"not recorded in the registry yet, `release sync` does it: {error}"]
