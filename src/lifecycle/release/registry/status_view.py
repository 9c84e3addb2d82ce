"""Who is where: the lanes of an environment, as text and as a page (status.html.jinja); and what happened."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten, wrap
from typing import NamedTuple, get_args

from lifecycle.core.errors import PipelineError
from lifecycle.core.release_params import Environment
from lifecycle.document.html_page import fill_page
from lifecycle.release.registry.environment_route import wanted_route
from lifecycle.release.registry.ledger import Ledger
from lifecycle.release.registry.ledger_entry import readable
from lifecycle.release.registry.rollback import unrecorded
from lifecycle.release.registry.tags import order
from lifecycle.release.registry.transitions import State, legal_steps
from lifecycle.release.route import Route, read_route

LANES: dict[str, tuple[State, ...]] = {
    "registered": ("registered",),
    "shadow": ("shadow",),
    "canary, ab": ("canary", "ab"),
    "answers": ("live",),
    "previous": ("previous",),
}
ENDED: tuple[State, ...] = ("retired", "rejected")
WIDTH = 100
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))
TEMPLATE = Path(__file__).with_name("status.html.jinja")
MOST = 30  # entries of the history
PAGE_STYLE = """
:root { --quiet: #59636e; --live: #1a7f37; --tried: #0969da; --warn: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --quiet: #9198a1; --live: #3fb950; --tried: #4493f8; --warn: #d29922 } }
.lanes { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .6rem }
@media (max-width: 50rem) { .lanes { grid-template-columns: minmax(0, 1fr) } }
.lane h3 { font-size: .875rem; margin: .5rem 0; border-bottom: 3px solid var(--line) }
.lane.live h3 { border-color: var(--live) } .lane.tried h3 { border-color: var(--tried) }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .6rem; margin-bottom: .6rem;
  font-size: .8125rem }
.lane.live .card { border-left: .3rem solid var(--live) } .lane.tried .card { border-left: .3rem solid var(--tried) }
.card b { font-size: 1.05rem } .card p { margin: .3rem 0 }
.bar { height: .4rem; background: var(--band); border: 1px solid var(--line) }
.bar i { display: block; height: 100%; background: var(--tried) }
.when { white-space: nowrap }
.quiet { color: var(--quiet) }
.note { border-left: .3rem solid var(--warn); background: var(--band); padding: .4rem .75rem; font-size: .875rem }
"""
LANE_KINDS = {"answers": "live", "shadow": "tried", "canary, ab": "tried"}


class Card(NamedTuple):
    """A version as it is shown: what it is, for how long and why it is where it is, and what it may do next."""

    number: str
    version: str
    state: State
    age: str
    share: float
    why: str
    who: str
    next: tuple[str, ...]


class EnvironmentView(NamedTuple):
    """The versions of an environment by lane, those that have ended, and what a person has to know of it."""

    environment: str
    lanes: dict[str, list[Card]]
    ended: list[Card]
    notes: list[str]


def in_words(seconds: float) -> str:
    """Return a time in its largest unit.

    >>> in_words(59), in_words(60), in_words(172800)
    ('just now', '1 minute', '2 days')
    """
    for size, unit in UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "just now"


def views(
    ledger: Ledger, environment: str, folder: Path | None, everywhere: bool, now: datetime | None = None
) -> list[EnvironmentView]:
    """Return what is to be shown.

    Parameters
    ----------
    ledger : Ledger
        The registry.
    environment : str
        The one whose route stands in `folder`.
    folder : Path or None
        Where that is; None: not on this machine.
    everywhere : bool
        Whether other environments in which something has happened are shown too.
    now : datetime, optional
        What ages are counted up to.
    """
    used = {entry.environment for entry in ledger.entries} if everywhere else set()
    now = datetime.now(UTC) if now is None else now
    shown = [name for name in reversed(get_args(Environment)) if name == environment or name in used]
    return [_view(ledger, name, folder if name == environment else None, now) for name in shown]


def _view(ledger: Ledger, environment: str, folder: Path | None, now: datetime) -> EnvironmentView:
    states = ledger.states(environment)
    cards = [_card(ledger, environment, number, now) for number in sorted(states, key=order, reverse=True)]
    lanes = {lane: [card for card in cards if card.state in wanted] for lane, wanted in LANES.items()}
    notes = [_asked(entry) for entry in _requests(ledger, environment)]
    if folder is not None:
        notes += _route_notes(ledger, environment, folder)
    return EnvironmentView(environment, lanes, [card for card in cards if card.state in ENDED], notes)


def _card(ledger: Ledger, environment: str, number: str, now: datetime) -> Card:
    states, entry = ledger.states(environment), ledger.last(number, environment)
    return Card(
        number=number,
        version=ledger.releases[number].version,
        state=states[number],
        age=in_words((now - entry.at).total_seconds()),
        share=entry.share if states[number] in ("canary", "ab") else 0.0,
        why=readable(entry.why),
        who=str(entry.who),
        next=tuple(legal_steps(states, number)),
    )


def _requests(ledger: Ledger, environment: str) -> list[tuple[str, str, str]]:
    """Return the steps that wait for a second person: version, step, who has asked."""
    asked = {
        (entry.number, entry.asked) for entry in ledger.entries if entry.asked and entry.environment == environment
    }
    found = [(number, step, ledger.request(number, environment, step)) for number, step in sorted(asked)]
    return [(number, step, str(request.who)) for number, step, request in found if request is not None]


def _asked(request: tuple[str, str, str]) -> str:
    number, step, who = request
    return f"{who} asks for: {step} {number}. Another person approves it: release {step} {number} --approve"


def _route_notes(ledger: Ledger, environment: str, folder: Path) -> list[str]:
    """Return where the route differs from the registry; `sync` mends it."""
    try:
        notes = [f"not recorded yet: {event.taken} was taken back; release sync" for event in unrecorded(folder)]
        route = read_route(folder)
    except PipelineError as error:
        return [str(error)]
    wanted = wanted_route(ledger, environment)
    if _shown(route) != _shown(wanted):
        notes.append(f"the route of {folder} says {_shown(route)}, the registry {_shown(wanted)}; release sync")
    return notes


def _shown(route: Route | None) -> str:
    if route is None:
        return "nothing"
    arm = f" and {route.challenger} ({route.mode}, {route.share:.0%})" if route.challenger else ""
    return f"{route.champion}{arm}"


def status_text(ledger: Ledger, shown: Sequence[EnvironmentView]) -> list[str]:
    """Return the lanes as lines of text, a hundred characters wide at most."""
    if not ledger.entries:
        return [f"{ledger.artifact}: nothing is registered yet; release register --why ..."]
    lines = []
    for view in shown:
        lines += [f"{ledger.artifact} in {view.environment}", *_lane_lines(view.lanes)]
        lines += [f"{card.state} {card.number}: {shorten(card.why, 60)}; next: {_next(card)}" for card in view.ended]
        lines += [line for note in view.notes for line in wrap(f"! {note}", WIDTH)] + [""]
    lines += [f"! passed over, no entry of the ledger names it: tag {name}" for name in ledger.strays]
    return lines


def _next(card: Card) -> str:
    return ", ".join(card.next) or "nothing"


def _lane_lines(lanes: dict[str, list[Card]]) -> list[str]:
    """Return the lanes side by side."""
    width = (WIDTH - 3 * (len(lanes) - 1)) // len(lanes)
    columns = []
    for lane, cards in lanes.items():
        rows = [lane, "-" * width]
        for card in cards:
            rows += [*_card_lines(card, width), ""]
        columns.append(rows if cards else [*rows, "."])
    height = max(map(len, columns))
    side_by_side = zip(*([*column, *[""] * (height - len(column))] for column in columns), strict=True)
    return [" | ".join(cell.ljust(width) for cell in row).rstrip(" |") for row in side_by_side]


def _card_lines(card: Card, width: int) -> list[str]:
    share = f" {card.share:.0%}" if card.share else ""
    texts = (f"{card.number}{share}", card.version, card.state, card.age, shorten(card.why, 3 * width))
    return [line for text in (*texts, f"> {_next(card)}") for line in wrap(text, width)]


def history_lines(ledger: Ledger, environment: str | None) -> list[str]:
    """Return a line for each thing that happened, the newest last: when, who, what, why.

    Parameters
    ----------
    ledger : Ledger
        The registry.
    environment : str or None
        Only this one, and the registrations; None: all.
    """
    lines = []
    for entry in ledger.entries:
        if environment is None or entry.environment in ("", environment):
            second = f", asked by {entry.asked_by}" if entry.asked_by else ""
            by = "the watch, for " if entry.automatic else ""
            lines.append(f"{entry.at:%Y-%m-%d %H:%M}  {by}{entry.who}{second}  {entry.sentence}")
    return lines or [f"{ledger.artifact}: nothing has happened yet"]


def status_page(ledger: Ledger, shown: Sequence[EnvironmentView]) -> str:
    """Return the page; whatever a reason holds, nothing is loaded and nothing runs."""
    entries = [(f"{entry.at:%Y-%m-%d %H:%M}", str(entry.who), entry.happened, entry.why) for entry in ledger.entries]
    return fill_page(
        TEMPLATE, f"Releases of {ledger.artifact}", PAGE_STYLE, environments=shown, kinds=LANE_KINDS,
        strays=ledger.strays, history=entries[::-1][:MOST], left_out=max(len(entries) - MOST, 0),
    )  # fmt: skip
