"""The command line of `release`: its commands and their options."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lifecycle.core.release_params import Environment
from lifecycle.release.registry.tags import Bump
from lifecycle.release.registry.transitions import Step

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
OTHERS = {  # which read their own options
    "watch": "take back by itself what must not answer",
    "retrain": "train a new version when a drift, age or new labels ask for it",
    "audit": "prove that the log of decisions is whole, and look into it",
}


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options of a command line, and what a command of `OTHERS` reads itself."""
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
        _add_step(commands.add_parser(step, parents=[common, why], help=about), step)
    commands.add_parser("rollback", parents=[common, why], help="take back the last change of who answers")
    status = commands.add_parser("status", parents=[common], help="show who is where, and what each may do next")
    status.add_argument("--html", type=Path, metavar="FILE", help="write it as a page")
    commands.add_parser("history", parents=[common], help="show what happened: when, who, what, why")
    commands.add_parser("sync", parents=[common], help="record, share and follow what is left to do")
    lineage = commands.add_parser("lineage", parents=[common], help="from a request to the data that decided it")
    lineage.add_argument("request", help="its X-Request-ID")
    lineage.add_argument("--log", type=Path, required=True, help="the service's SERVE_LOG")
    for name, about in OTHERS.items():
        commands.add_parser(name, parents=[common], help=about, add_help=False)
    options, rest = parser.parse_known_args(argv)
    if rest and options.command not in OTHERS:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options, rest


def _add_step(parser: argparse.ArgumentParser, step: Step) -> None:
    """Add the options of a step: what it needs, and where its gate finds what it judges by."""
    parser.add_argument("version", help="release number, or version of the bundle")
    parser.add_argument("--approve", action="store_true", help="approve what another person has asked for")
    if step == "canary":
        parser.add_argument("--share", type=float, help="of the entities; the next one of release.canary.steps")
    if step == "ab":
        parser.add_argument("--plan", action="store_true", help="only say how long it would take")
    parser.add_argument("--log", type=Path, help="the service's SERVE_LOG, by which the gate judges")
    parser.add_argument("--labels", type=Path, help="CSV or parquet: request_id, row, the target")
    parser.add_argument("--since", type=moment, help="when the present state began, by the clock of the log")
    parser.add_argument("--as-of", type=moment, help="the end of the log; now")


def moment(text: str) -> "pd.Timestamp":
    """Return a time of the log, UTC; for a log whose clock is not this one's, such as a replay's."""
    import pandas as pd

    try:
        found = pd.Timestamp(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time, such as 2026-03-01T12:00") from error
    return found if found.tzinfo is None else found.tz_convert(None)
