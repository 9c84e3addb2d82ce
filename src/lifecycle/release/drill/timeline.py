"""The timeline of a drill: what happened, on which day of the replay, and how long it took; as text and as a page."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from lifecycle.document.html_page import fill_page

TEMPLATE = Path(__file__).with_name("timeline.html.jinja")
STYLE = """
.line { list-style: none; padding: 0; border-left: .25rem solid var(--line) }
.line > li { padding: .25rem 0 .75rem 1rem; margin-left: -.65rem; position: relative }
.line > li::before { content: ""; position: absolute; left: 0; top: .65rem; width: .8rem; height: .8rem;
  border-radius: 50%; background: var(--calm) }
.line > li.alarm::before { background: var(--over) }
.line ul { margin: .25rem 0; padding-left: 1.2rem }
.when, .took { font-size: .875rem; opacity: .8 } .bar { display: inline-block; width: 12rem; max-width: 40%;
  height: .6rem; background: var(--band); vertical-align: middle }
.bar span { display: block; height: 100%; background: var(--calm); min-width: 1px }
.alarm .bar span { background: var(--over) }
:root { --calm: #1a7f37; --over: #cf222e }
@media (prefers-color-scheme: dark) { :root { --calm: #3fb950; --over: #f85149 } }
"""
Kind = Literal["calm", "alarm"]


@dataclass
class Moment:
    """A step of the drill.

    Parameters
    ----------
    step : str
        What was done.
    kind : {"calm", "alarm"}
        `alarm`: something was found to be wrong, as it should have been.
    day : pandas.Timestamp or None
        Of the replay, at its end.
    seconds : float
        How long it took.
    sentences : list of str
        What came of it.
    """

    step: str
    kind: Kind = "calm"
    day: pd.Timestamp | None = None
    seconds: float = 0.0
    sentences: list[str] = field(default_factory=list)


class Timeline:
    """The steps so far; each is printed when it is over."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []

    @property
    def seconds(self) -> float:
        """How long all steps took."""
        return sum(moment.seconds for moment in self.moments)

    @contextmanager
    def step(self, name: str, kind: Kind = "calm") -> Iterator[Moment]:
        """Time a step, whose sentences are filled in meanwhile."""
        moment, start = Moment(name, kind), time.monotonic()
        yield moment
        moment.seconds = time.monotonic() - start
        self.moments.append(moment)
        print("\n".join(lines_of(moment, self.seconds)), flush=True)


class _Shown(NamedTuple):
    step: str
    kind: Kind
    when: str
    took: str
    percent: float
    sentences: Sequence[str]


def lines_of(moment: Moment, at: float) -> list[str]:
    """Return a step as lines: when it was over and how long it took, in seconds; the day of the replay; what came."""
    day = "" if moment.day is None else f"  {moment.day:%d %B %Y}"
    return [f"{at:6.1f} s  {moment.seconds:5.1f} s  {moment.step}{day}", *(f"{'':19}{one}" for one in moment.sentences)]


def timeline_page(timeline: Timeline, about: str) -> str:
    """Return the timeline as one page."""
    longest = max(moment.seconds for moment in timeline.moments)
    shown = [
        _Shown(
            moment.step, moment.kind, "" if moment.day is None else f"{moment.day:%d %B %Y}", f"{moment.seconds:.1f} s",
            round(100 * moment.seconds / longest, 1), moment.sentences,
        )
        for moment in timeline.moments
    ]  # fmt: skip
    return fill_page(TEMPLATE, "A model's life, as a drill", STYLE, about=about, moments=shown)
