"""The command `release audit`: prove that the log of decisions is whole, look into it, anchor, erase and prune it.

    python src/mlops.py release audit verify            the first broken record of each chain, or that all are whole
    python src/mlops.py release audit show ID           the decisions of a request, and what came after them
    python src/mlops.py release audit show --entity E   all decisions about an entity whose key is held
    python src/mlops.py release audit anchor            tag the newest record of each chain in git
    python src/mlops.py release audit note ID           record that a person has overruled a decision, or what was true
    python src/mlops.py release audit erase ENTITY      destroy an entity's keys: its records are nobody's then
    python src/mlops.py release audit rotate            give entities new pseudonyms from now on
    python src/mlops.py release audit prune             remove old segments, and record it

The log is SERVE_AUDIT, or the folder `audit` of the environment that params.yaml names; the keys are SERVE_AUDIT_KEYS.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_block
from lifecycle.core.release_params import ReleaseParams
from lifecycle.release.audit.audit_anchors import Anchor, anchors_of, push, write_anchors
from lifecycle.release.audit.audit_chain import EVENTS, chains, records_of
from lifecycle.release.audit.audit_retention import old_segments, prune
from lifecycle.release.audit.audit_verification import ChainReport, summary, verify
from lifecycle.release.audit.audit_writer import append_event
from lifecycle.release.audit.pseudonyms import Keyring

REPOSITORY = Path()
LONGEST = 36_500  # days that segments may be kept
STARTED = b'"kind":"start"'


def audit(argv: Sequence[str]) -> None:
    """Run the command.

    Raises
    ------
    PipelineError
        The log is broken, or what was asked for can't be done.
    """
    options = arguments(argv)
    log, keys = Path(options.log or _usual_log()), Path(options.keys) if options.keys else None
    match options.action:
        case "verify":
            print(_verified(log)[2])
        case "show":
            print(_found(log, _words(options, keys)))
        case "anchor":
            print(_anchor(log, options.remote))
        case "note":
            _note(log, options)
        case "erase":
            print(_erase(keys, options.entity))
        case "rotate":
            print(f"pseudonyms are made with key {_keyring(keys).rotate()} from now on")
        case "prune":
            print(_prune(log, options.days, options.by))


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument("--log", metavar="FOLDER", default=os.environ.get("SERVE_AUDIT"), help="the audit log")
    keys = os.environ.get("SERVE_AUDIT_KEYS")
    places.add_argument("--keys", metavar="FILE", default=keys, help="the keys of its pseudonyms")
    parser = argparse.ArgumentParser(prog="mlops.py release audit", description="Look after the log of decisions.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, does: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=does, description=does, parents=[places])

    action("verify", "prove that no record was changed, moved, put in or taken out")
    show = action("show", "show the decisions of a request and what came after them, or all decisions about an entity")
    which = show.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", help="the request's id, which its answer has in X-Request-Id")
    which.add_argument("--entity", help="a card or customer; needs the keys")
    anchor = action("anchor", "tag the newest record of each chain in git")
    anchor.add_argument("--remote", help="git remote that the tags go to; default: release.remote of params.yaml")
    note = action("note", "record an event that refers to a decision")
    note.add_argument("id", help="the request's id")
    note.add_argument("--row", type=int, default=0, help="the row in the request; default: 0")
    note.add_argument(
        "--kind", choices=("override", "label"), required=True, help="what a person decided, or the truth"
    )
    note.add_argument("--value", required=True, help="what it is")
    note.add_argument("--by", required=True, help="who says so")
    action("erase", "destroy the keys of an entity").add_argument("entity", help="a card or customer")
    action("rotate", "give entities new pseudonyms from now on")
    old = action("prune", "remove segments of a day that is long past, and record it")
    old.add_argument("--days", type=int, required=True, help="how many days stay, besides today")
    old.add_argument("--by", required=True, help="who signs for it")
    return parser.parse_args(argv)


def _usual_log() -> str:
    return f"{load_block('release', ReleaseParams).folder}/audit"


def _verified(log: Path) -> tuple[list[ChainReport], list[Anchor], str]:
    """Return what is found in a log that is whole, its anchors, and a line on each chain.

    Raises
    ------
    PipelineError
        It is broken; has the first broken record of each chain.
    """
    anchors = anchors_of(log, REPOSITORY)
    reports = verify(log, anchors)
    faults = [str(report.fault) for report in reports if report.fault is not None]
    if faults:
        raise PipelineError("\n".join(["the audit log is broken; the first broken record of each chain:", *faults]))
    return reports, anchors, "\n".join(summary(report, anchors) for report in reports)


def _anchor(log: Path, remote: str | None) -> str:
    reports, _, _ = _verified(log)
    heads = [(report.name, report.head) for report in reports]
    made = write_anchors(log, REPOSITORY, heads, datetime.now(UTC))
    remote = remote or load_block("release", ReleaseParams).remote
    if remote is not None:
        push(made, REPOSITORY, remote)
    lines = [f"{anchor.tag}: record {anchor.sequence:,}" for anchor in made]
    return "\n".join(lines) or "every chain's newest record has its anchor already"


def _of_request(name: str) -> bytes:
    """Return what stands in the lines on a request."""
    return b'"request_id":' + json.dumps(name).encode()


def _words(options: argparse.Namespace, keys: Path | None) -> list[bytes]:
    """Return what stands in the lines that are asked for."""
    if options.entity is None:
        return [_of_request(options.id)]
    names = _keyring(keys).find(options.entity)
    if not names:
        raise PipelineError(f"{options.entity}: no key is held: no record is about it, or it was erased")
    return [f'"entity":"{name.text}"'.encode() for name in names]


def _found(log: Path, words: Sequence[bytes]) -> str:
    names = sorted(chains(log), key=lambda chain: chain == EVENTS)
    found = [text for chain in names for text in _texts(log, chain, words)]
    if not found:
        raise PipelineError(f"{log}: no such decision in the audit log")
    return "\n\n".join(found)


def _texts(log: Path, chain: str, words: Sequence[bytes]) -> Iterator[str]:
    """Yield records of a chain for people, a field a line; decisions with the commit that the service ran from."""
    code = {}
    for record in records_of(log, chain, STARTED, *words):
        if record["kind"] == "start":
            code = {"code": record.get("git", "unknown")}
            continue
        lines = [f"{record.pop('kind')}, record {record.pop('seq')} of {chain}"]
        fields = {name: value for name, value in (record | code).items() if name not in ("prev", "hash")}
        yield "\n".join((*lines, *(f"  {name:<12} {_shown(value)}" for name, value in fields.items())))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _note(log: Path, options: argparse.Namespace) -> None:
    found = [record for chain in chains(log) for record in records_of(log, chain, _of_request(options.id))]
    rows = {record.get("row") for record in found if record["kind"] == "decision"}
    if options.row not in rows:
        raise PipelineError(f"{log}: no decision on row {options.row} of request {options.id}")
    fields = {"request_id": options.id, "row": options.row, "value": options.value, "by": options.by}
    print(f"record {append_event(log, options.kind, fields).sequence} of the events")


def _keyring(keys: Path | None) -> Keyring:
    if keys is None or not keys.is_file():
        raise PipelineError(f"{keys or '--keys'}: no file of keys; name the one that the service has: SERVE_AUDIT_KEYS")
    return Keyring(keys)


def _erase(keys: Path | None, entity: str) -> str:
    count = _keyring(keys).erase(entity)
    if not count:
        raise PipelineError(f"{entity}: no key is held: no record is about it, or it was erased before")
    return f"{count} keys are destroyed: nobody can tell the records of this entity from others any more"


def _prune(log: Path, days: int, by: str) -> str:
    if not 1 <= days <= LONGEST:
        raise PipelineError(f"--days {days}: expected 1 to {LONGEST}")
    reports, anchors, _ = _verified(log)
    removals = old_segments(log, reports, anchors, datetime.now(UTC).date() - timedelta(days))
    prune(log, removals, by, days)
    return "\n".join(f"removed {one.segment.path}, to record {one.last:,}" for one in removals) or "nothing is so old"
