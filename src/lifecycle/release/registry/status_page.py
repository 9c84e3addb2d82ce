"""The page of `release status --html`: the lanes of each environment, for people. Its text is status.html.jinja."""

from collections.abc import Sequence
from pathlib import Path

from lifecycle.document.html_page import fill_page
from lifecycle.release.registry.ledger import Ledger
from lifecycle.release.registry.status_view import EnvironmentView

TEMPLATE = Path(__file__).with_name("status.html.jinja")
MOST = 30  # entries of the history
STYLE = """
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
KINDS = {"answers": "live", "shadow": "tried", "canary, ab": "tried"}


def status_page(ledger: Ledger, shown: Sequence[EnvironmentView]) -> str:
    """Return the page; whatever a reason holds, nothing is loaded and nothing runs."""
    entries = [(f"{entry.at:%Y-%m-%d %H:%M}", str(entry.who), entry.happened, entry.why) for entry in ledger.entries]
    return fill_page(
        TEMPLATE, f"Releases of {ledger.artifact}", STYLE, environments=shown, kinds=KINDS, strays=ledger.strays,
        history=entries[::-1][:MOST], left_out=max(len(entries) - MOST, 0),
    )  # fmt: skip
