"""Rollback: the route first, the registry afterwards.

The route is changed without git, DVC, a network or the bundles: the service still has the earlier model in memory. What
was done is kept in `serving/unrecorded.json`, written before the route, until the registry has an entry of it. So a
process that is killed at any moment leaves either nothing or a rollback that `sync` finishes.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.atomic import atomic, sync_folder
from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.entry_drafts import Act, step_draft
from lifecycle.release.registry.ledger import Ledger
from lifecycle.release.registry.ledger_entry import Entry, Person
from lifecycle.release.registry.transitions import rollback_number
from lifecycle.release.route import Route, change_route

UNRECORDED = "unrecorded.json"


class TakenBack(NamedTuple):
    """A rollback that the registry may not know yet.

    Parameters
    ----------
    environment : str
        Where.
    taken : str
        Version of the bundle that no longer answers.
    answers : str
        Version that answers alone now.
    why : str
        In the words of who asked for it.
    who : Person
        That person, or the account that the watch runs for.
    automatic : bool
        Whether no person has asked for it.
    """

    environment: str
    taken: str
    answers: str
    why: str
    who: Person
    automatic: bool


def take_back(
    folder: Path, environment: str, why: str, who: Person, automatic: bool = False
) -> tuple[Route, TakenBack]:
    """Take back the last change of who answers, in the route: the challenger that answers a share, else the champion.

    Parameters
    ----------
    folder : Path
        Where the route stands.
    environment : str
        Its environment.
    why : str
        For the registry.
    who : Person
        Who asks for it.
    automatic : bool
        Whether no person does; the route counts these.

    Returns
    -------
    Route
        The new one.
    TakenBack
        What was done; it is in `unrecorded.json` too.

    Raises
    ------
    PipelineError
        There is nothing to go back to; nothing has changed.
    """
    done: list[TakenBack] = []

    def change(route: Route | None) -> Route:
        after, taken = _without_the_last(route, folder)
        after = replace(after, automatic=(0 if route is None else route.automatic) + 1 if automatic else 0)
        done.append(TakenBack(environment, taken, after.champion, why, who, automatic))
        _write(folder, [*_unrecorded_or_aside(folder), done[-1]])
        return after

    return change_route(folder, change), done[-1]


def _unrecorded_or_aside(folder: Path) -> list[TakenBack]:
    """Return the unrecorded rollbacks; a damaged list is moved aside, for it must not stop the next rollback."""
    try:
        return unrecorded(folder)
    except PipelineError as error:
        path = folder / UNRECORDED
        print(f"{error}; it is {path}.broken now", file=sys.stderr)
        path.replace(f"{path}.broken")
        return []


def _without_the_last(route: Route | None, folder: Path) -> tuple[Route, str]:
    if route is None:
        raise PipelineError(f"{folder}: there is no route, so nothing to take back")
    if route.mode in ("canary", "ab"):
        return replace(route, mode="single", challenger="", share=0.0, salt=""), route.challenger
    if not route.previous:
        raise PipelineError(f"{folder}: {route.champion} answers, and there is no earlier version to go back to")
    return replace(route, champion=route.previous, previous=""), route.champion


def unrecorded(folder: Path) -> list[TakenBack]:
    """Return the rollbacks of an environment that the registry does not know yet, the oldest first.

    Raises
    ------
    PipelineError
        The file that holds them is damaged.
    """
    path = folder / UNRECORDED
    try:
        found: Sequence[Any] = json.loads(path.read_bytes())
        return [TakenBack(**event | {"who": Person(**event["who"])}) for event in found]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise PipelineError(
            f"{path}: damaged, so a rollback may be unknown to the registry: look at the route, and remove the file"
        ) from error


def _write(folder: Path, events: Sequence[TakenBack]) -> None:
    path = folder / UNRECORDED
    if events:
        content = [event._asdict() | {"who": event.who._asdict()} for event in events]
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    sync_folder(folder)


def forget(folder: Path, event: TakenBack) -> None:
    """Remove a rollback that the registry has an entry of now."""
    _write(folder, [other for other in unrecorded(folder) if other != event])


def rollback_draft(ledger: Ledger, event: TakenBack) -> Entry | None:
    """Return the entry of a rollback that was done; None where the registry has it, or another version by now.

    Raises
    ------
    PipelineError
        The registry can't follow: it knows one of the versions under no number, or has nothing to go back to.
    """
    known = [release.number for release in ledger.releases.values() if release.version == event.taken]
    if not known:
        raise PipelineError(
            f"{UNRECORDED}: the registry knows no version {event.taken}, so it can't record that it was taken back;"
            " remove the file if that version was never registered"
        )
    (number,) = known
    states = ledger.states(event.environment)
    act = Act(event.who, event.why, automatic=event.automatic)
    if states[number] in ("canary", "ab", "live") and rollback_number(states) == number:
        return step_draft(ledger, event.environment, "rollback", number, act)
    if states[number] in ("shadow", "previous"):  # another clone has moved it meanwhile; it is still not to come back
        return step_draft(ledger, event.environment, "reject", number, act)
    return None
