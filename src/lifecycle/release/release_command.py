"""The command `release`: which version of the model answers where, and how it came there.

python src/mlops.py release register --why "..."     the commit that is checked out is a release from now on
python src/mlops.py release promote v1.2.0 --why ... it answers
python src/mlops.py release rollback --why "..."     what answered before answers again
python src/mlops.py release status                   who is where, and what each may do next

What is imported here is little, so that a rollback waits for nothing; gates import what they need.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params, load_block, load_params
from lifecycle.core.release_params import CanaryGate, Environment, ReleaseParams
from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.identity import person
from lifecycle.release.registry.ledger import Ledger, read_ledger
from lifecycle.release.registry.release_steps import Place, register, roll_back, sync, take_step
from lifecycle.release.registry.status_view import history_lines, status_text, views
from lifecycle.release.registry.tags import Bump
from lifecycle.release.registry.transitions import Step, plan

if TYPE_CHECKING:
    import pandas as pd

STEPS: dict[Step, str] = {
    "shadow": "score what the version that answers scores, and answer nobody",
    "canary": "answer a share of the entities; again with a larger share",
    "ab": "answer a share of the entities, as an experiment",
    "promote": "answer everybody; the version before it is kept to go back to",
    "reject": "try it no longer, for it has failed",
    "retire": "keep it no longer",
}
OTHERS = {
    "watch": "take back by itself what must not answer",
    "audit": "prove that the log of decisions is whole, and look into it",
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
        sub.add_argument("--log", type=Path, help="the service's SERVE_LOG, by which the gate judges")
        sub.add_argument("--labels", type=Path, help="CSV or parquet: request_id, row, the target")
        sub.add_argument(
            "--since", type=moment, help="when the present state began, in the log; what the registry says"
        )
        sub.add_argument("--as-of", type=moment, help="the end of the log; now")
    commands.add_parser("rollback", parents=[common, why], help="take back the last change of who answers")
    status = commands.add_parser("status", parents=[common], help="show who is where, and what each may do next")
    status.add_argument("--html", type=Path, metavar="FILE", help="write it as a page")
    commands.add_parser("history", parents=[common], help="show what happened: when, who, what, why")
    commands.add_parser("sync", parents=[common], help="record, share and follow what is left to do")
    lineage = commands.add_parser("lineage", parents=[common], help="from a request to the data that decided it")
    lineage.add_argument("request", help="its X-Request-ID")
    lineage.add_argument("--log", type=Path, required=True, help="the service's SERVE_LOG")
    for name, about in OTHERS.items():
        commands.add_parser(name, help=about, add_help=False)
    return parser.parse_known_args(argv)[0] if argv and argv[0] in OTHERS else parser.parse_args(argv)


def moment(text: str) -> "pd.Timestamp":
    """Return a time of the log, UTC; for a log whose clock is not this one's, such as a replay's."""
    import pandas as pd

    found = pd.Timestamp(text)
    return found if found.tzinfo is None else found.tz_convert(None)


def place_of(options: argparse.Namespace, params: ReleaseParams) -> Place:
    """Return where a command line's release happens."""
    environment = getattr(options, "environment", None) or params.environment
    folder = Path(params.folder) if environment == params.environment else None
    return Place(environment, folder, getattr(options, "push", None) or params.remote)


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


def _act(options: argparse.Namespace, place: Place, number: str, ledger: Ledger, params: Params) -> Act:
    """Return who does a step, why, with which share, and what its gate found.

    Raises
    ------
    PipelineError
        The gate does not let it pass.
    """
    from lifecycle.release.release_gates import Sources, Trial, check_gate, step_gate

    step, release = options.command, params.release
    last = ledger.last(number, place.environment)
    share = {"canary": lambda: next_share(options.share, last.share, release.canary), "ab": lambda: release.ab.share}
    sources = Sources(options.log, options.labels, options.since, options.as_of)
    found = step_gate(step, Trial(number, place.environment, ledger, sources, params))
    evidence = {"gates": check_gate(step, number, found)}
    return Act(person(), options.why, evidence, share=share[step]() if step in share else 0.0)


def _step(options: argparse.Namespace, place: Place) -> list[str]:
    params = load_params()
    needs_second = options.command in params.release.approval
    if options.approve and not needs_second:
        raise PipelineError(f"--approve: {options.command} needs no second person here: release.approval")
    ledger = read_ledger(place.artifact)
    number = ledger.release(options.version).number
    plan(ledger.states(place.environment), options.command, number)  # refuses what is illegal before a log is read
    act = _act(options, place, number, ledger, params)
    entry, told = take_step(place, options.command, number, act, options.approve if needs_second else None)
    return [entry.sentence, *told]


def _register(options: argparse.Namespace, place: Place) -> list[str]:
    from lifecycle.release.release_gates import registration_checks

    found = registration_checks(read_ledger(place.artifact), place.environment, load_params())
    checks = found.as_json()["checks"]
    entry = register(place, options.why, options.version, options.bump, checks)
    said = [f"  {check.name}: {check.state}: {check.sentence}" for check in found.checks]
    return [entry.sentence, f"offline gate: {found.state}", *said]


def _show(options: argparse.Namespace, place: Place, ledger: Ledger) -> list[str]:
    if options.command == "history":
        return history_lines(ledger, options.environment)
    shown = views(ledger, place.environment, place.folder, options.environment is None)
    if options.html is not None:
        from lifecycle.core.atomic import atomic
        from lifecycle.release.registry.status_page import status_page

        with atomic(options.html) as temporary:
            temporary.write_text(status_page(ledger, shown), encoding="utf-8")
    return status_text(ledger, shown)


def _lines(options: argparse.Namespace, place: Place) -> list[str]:
    """Do what a command line says, and return what is to be printed."""
    match options.command:
        case "register":
            return _register(options, place)
        case "rollback":
            return roll_back(place, options.why)
        case "sync":
            return sync(place)
        case "lineage":
            from lifecycle.release.registry.request_lineage import lineage_lines

            return lineage_lines(place, options.request, options.log)
        case "status" | "history":
            return _show(options, place, read_ledger(place.artifact))
        case _:
            return _step(options, place)


def release(argv: Sequence[str]) -> None:
    """Run the command."""
    options = parse(argv)
    place = place_of(options, load_block("release", ReleaseParams))
    match options.command:
        case "watch":
            from lifecycle.release.automatic_rollback import watch

            watch(argv[1:], place)
        case "audit":
            from lifecycle.release.audit.audit_command import audit

            audit(argv[1:])
        case _:
            print("\n".join(_lines(options, place)))
