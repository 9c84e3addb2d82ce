"""The command `release`: which version of the model answers where, and how it came there.

python src/mlops.py release register --why "..."     the commit that is checked out is a release from now on
python src/mlops.py release promote v1.2.0 --why ... it answers
python src/mlops.py release rollback --why "..."     what answered before answers again
python src/mlops.py release status                   who is where, and what each may do next
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, get_args

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_block
from lifecycle.core.release_params import CanaryGate, Environment, ReleaseParams
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
from lifecycle.release.registry.tags import Bump
from lifecycle.release.registry.transitions import Step, plan

STEPS: dict[Step, str] = {
    "shadow": "score what the version that answers scores, and answer nobody",
    "canary": "answer a share of the entities; again with a larger share",
    "ab": "answer a share of the entities, as an experiment",
    "promote": "answer everybody; the version before it is kept to go back to",
    "reject": "try it no longer, for it has failed",
    "retire": "keep it no longer",
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="mlops.py release", description="Say which version answers where.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common, why = argparse.ArgumentParser(add_help=False), argparse.ArgumentParser(add_help=False)
    common.add_argument("--environment", choices=get_args(Environment), help="release.environment of params.yaml")
    common.add_argument("--push", nargs="?", const="origin", metavar="REMOTE", help="share by this remote; origin")
    why.add_argument("--why", required=True, help="a sentence, kept with the release")
    new = commands.add_parser("register", parents=[common, why], help="the commit that is checked out is a release")
    number = new.add_mutually_exclusive_group()
    number.add_argument("--version", metavar="v1.2.0", help="its number")
    number.add_argument("--bump", choices=get_args(Bump), default="minor", help="part that is one more; minor")
    for step, about in STEPS.items():
        sub = commands.add_parser(step, parents=[common, why], help=about)
        sub.add_argument("version", help="release number, or version of the bundle")
        sub.add_argument("--approve", action="store_true", help="approve what another person has asked for")
        if step == "canary":
            sub.add_argument("--share", type=float, help="of the entities; the next one of release.canary.steps")
        if step == "ab":
            sub.add_argument("--plan", type=Path, help="file with the plan of the experiment; its sha256 is kept")
    commands.add_parser("rollback", parents=[common, why], help="take back the last change of who answers")
    status = commands.add_parser("status", parents=[common], help="show who is where, and what each may do next")
    status.add_argument("--html", type=Path, metavar="FILE", help="write it as a page")
    commands.add_parser("history", parents=[common], help="show what happened: when, who, what, why")
    commands.add_parser("sync", parents=[common], help="record, share and follow what is left to do")
    lineage = commands.add_parser("lineage", parents=[common], help="from a request to the data that decided it")
    lineage.add_argument("request", help="its X-Request-ID")
    lineage.add_argument("--log", type=Path, required=True, help="the service's SERVE_LOG")
    return parser.parse_args(argv)


def place_of(options: argparse.Namespace, params: ReleaseParams) -> Place:
    """Return where a command line's release happens."""
    environment = options.environment or params.environment
    folder = Path(params.folder) if environment == params.environment else None
    return Place(environment, folder, options.push or params.remote)


def gate_of(step: str, place: Place, version: str, params: ReleaseParams) -> list[Mapping[str, Any]]:
    """Return what the gate of a step found: name, figure, limit, state and sentence of each check."""
    return []


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


def _act(options: argparse.Namespace, place: Place, params: ReleaseParams, share_now: float, version: str) -> Act:
    """Return who does a step, why, with which share and on what evidence."""
    step, share = options.command, 0.0
    evidence: dict[str, Any] = {"gates": gate_of(step, place, version, params)}
    if step == "canary":
        share = next_share(options.share, share_now, params.canary)
    if step == "ab":
        share = params.ab.share
        if options.plan is not None:
            with options.plan.open("rb") as file:
                evidence["plan"] = {str(options.plan): file_digest(file, "sha256").hexdigest()}
    return Act(person(), options.why, evidence, share=share)


def _step(options: argparse.Namespace, place: Place, params: ReleaseParams) -> list[str]:
    needs_second = options.command in params.approval
    if options.approve and not needs_second:
        raise PipelineError(f"--approve: {options.command} needs no second person here: release.approval")
    if options.approve and getattr(options, "share", None) is not None:
        raise PipelineError("--share: approved is what was asked for, with its share")
    ledger, told = opened(place)
    chosen = ledger.release(options.version)
    number = chosen.number
    states = ledger.states(place.environment)
    plan(states, options.command, number)  # before the gates, which take their time
    is_canary = states[number] == "canary"
    share_now = ledger.last(number, place.environment).share if is_canary else 0.0
    act = _act(options, place, params, share_now, chosen.version)
    approve = options.approve if needs_second else None
    entry, more = decide(place, ledger, options.command, number, act, approve=approve)
    return [*told, entry.sentence, *more]


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


def release(argv: Sequence[str]) -> None:
    """Run the command."""
    options, params = parse(argv), load_block("release", ReleaseParams)
    place = place_of(options, params)
    match options.command:
        case "register":
            checks = gate_of("register", place, "", params)
            lines = [register(place, options.why, options.version, options.bump, checks).sentence]
        case "rollback":
            lines = _roll_back(place, options.why)
        case "sync":
            lines = sync(place)
        case "lineage":
            from lifecycle.release.registry.request_lineage import lineage_lines

            lines = lineage_lines(place, options.request, options.log)
        case "status" | "history":
            lines = _show(options, place, _read(place))
        case _:
            lines = _step(options, place, params)
    print("\n".join(lines))
