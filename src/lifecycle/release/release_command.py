"""The command `release`: which version of the model answers where, and how it came there.

python src/mlops.py release register --why "..."     the commit that is checked out is a release from now on
python src/mlops.py release promote v1.2.0 --why ... it answers
python src/mlops.py release rollback --why "..."     what answered before answers again
python src/mlops.py release status                   who is where, and what each may do next

What is imported here is little, so that a rollback waits for nothing; gates import what they need.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_block, load_params
from lifecycle.core.release_params import CanaryGate, ReleaseParams
from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.identity import person
from lifecycle.release.registry.ledger import Ledger, read_ledger
from lifecycle.release.registry.release_steps import (
    Place,
    decide,
    opened,
    record,
    register,
    roll_back,
    route_back,
    sync,
)
from lifecycle.release.registry.shared_registry import fetch
from lifecycle.release.registry.status_view import history_lines, status_page, status_text, views
from lifecycle.release.registry.transitions import plan
from lifecycle.release.release_options import parse

if TYPE_CHECKING:
    from lifecycle.release.release_gates import Candidate


def place_of(options: argparse.Namespace, params: ReleaseParams) -> Place:
    """Return where a command line's release happens."""
    environment = options.environment or params.environment
    folder = Path(params.folder) if environment == params.environment else None
    return Place(environment, folder, options.push or params.remote)


def next_share(given: float | None, before: float, gate: CanaryGate) -> float:
    """Return the share of a canary: what was given, otherwise the first step of params above the one before.

    Raises
    ------
    PipelineError
        It is no share, or the canary has it already.
    """
    if given is None:
        higher = [share for share in gate.steps if share > before]
        if not higher:
            raise PipelineError(
                f"canary: it answers {before:.0%} already, the last of release.canary.steps: promote it"
            )
        return higher[0]
    if not 0 < given <= 1 or given == before:
        raise PipelineError(f"--share {given}: above 0, at most 1, and another one than now ({before})")
    return given


def _candidate(options: argparse.Namespace, place: Place, ledger: Ledger, number: str) -> "Candidate":
    from lifecycle.release.release_gates import Candidate, Sources

    sources = Sources(options.log, options.labels, options.since, options.as_of)
    return Candidate(number, place.environment, ledger, sources, load_params())


def _act(options: argparse.Namespace, candidate: "Candidate") -> Act:
    """Return who does a step, why, with which share, and what its gate found.

    Raises
    ------
    PipelineError
        The gate does not let it pass.
    """
    from lifecycle.release.release_gates import check_gate, step_gate

    step, share, params = options.command, 0.0, candidate.params.release
    if step == "canary":
        share = next_share(options.share, candidate.share, params.canary)
    if step == "ab":
        share = params.ab.share
    evidence = {"gates": check_gate(step, candidate.number, step_gate(step, candidate))}
    return Act(person(), options.why, evidence, share=share)


def _step(options: argparse.Namespace, place: Place, params: ReleaseParams) -> list[str]:
    needs_second = options.command in params.approval
    if options.approve and not needs_second:
        raise PipelineError(f"--approve: {options.command} needs no second person here: release.approval")
    if options.approve and getattr(options, "share", None) is not None:
        raise PipelineError("--share: approved is what was asked for, with its share")
    ledger, told = opened(place)
    number = ledger.release(options.version).number
    plan(ledger.states(place.environment), options.command, number)  # before the gates, which take their time
    candidate = _candidate(options, place, ledger, number)
    if options.command == "ab" and options.plan:
        from lifecycle.release.release_gates import experiment_plan

        return [*told, *experiment_plan(candidate)]
    approve = options.approve if needs_second else None
    entry, more = decide(place, ledger, options.command, number, _act(options, candidate), approve=approve)
    return [*told, entry.sentence, *more]


def _register(options: argparse.Namespace, place: Place) -> list[str]:
    from lifecycle.release.release_gates import registration_checks

    found = registration_checks(_read(place), place.environment, load_params())
    entry = register(place, options.why, options.version, options.bump, found.as_json()["checks"])
    said = [f"  {check.name}: {check.state}: {check.sentence}" for check in found.checks]
    return [entry.sentence, f"offline gate: {found.state}", *said]


def _roll_back(place: Place, why: str) -> list[str]:
    """Roll back; that the route has changed is said at once, for the registry may be long in answering."""
    if place.folder is None:
        return roll_back(place, why)
    print(route_back(place, place.folder, why), flush=True)
    return record(place)


def _read(place: Place) -> Ledger:
    """Return the ledger to show: with what the remote has, where that answers."""
    if place.remote:
        try:
            return fetch(place.artifact, place.remote)[0]
        except PipelineError as error:
            print(f"shown is what this clone has: {error}", file=sys.stderr)
    return read_ledger(place.artifact)


def _show(options: argparse.Namespace, place: Place, ledger: Ledger) -> list[str]:
    if options.command == "history":
        return history_lines(ledger, options.environment)
    shown = views(ledger, place.environment, place.folder, options.environment is None)
    if options.html is not None:
        with atomic(options.html) as temporary:
            temporary.write_text(status_page(ledger, shown), encoding="utf-8")
    return status_text(ledger, shown)


def _lines(options: argparse.Namespace, place: Place, params: ReleaseParams) -> list[str]:
    """Do what a command line says, and return what is to be printed."""
    match options.command:
        case "register":
            return _register(options, place)
        case "rollback":
            return _roll_back(place, options.why)
        case "sync":
            return sync(place)
        case "lineage":
            from lifecycle.release.registry.request_lineage import lineage_lines

            return lineage_lines(place, options.request, options.log)
        case "status" | "history":
            return _show(options, place, _read(place))
        case _:
            return _step(options, place, params)


def release(argv: Sequence[str]) -> None:
    """Run the command."""
    (options, rest), params = parse(argv), load_block("release", ReleaseParams)
    place = place_of(options, params)
    match options.command:
        case "watch":
            from lifecycle.release.automatic_rollback import watch

            watch(rest, place)
        case "retrain":
            from lifecycle.release.retraining.retraining import retrain

            retrain(rest)
        case "audit":
            from lifecycle.release.audit.audit_command import audit

            audit(rest)
        case _:
            print("\n".join(_lines(options, place, params)))
