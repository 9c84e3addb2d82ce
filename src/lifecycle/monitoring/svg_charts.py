"""Charts as SVG inside a page: small enough for a phone, and in the colours of the page's light or dark theme.

Each chart is a figure with its title, and tells in words what it shows to those who can't see it.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from lifecycle.document.html_page import plain_text
from lifecycle.monitoring.figures_in_words import percent, short, with_ends
from lifecycle.monitoring.performance import Figure

WIDTH, HEIGHT = 320, 140
LEFT, RIGHT, TOP, BOTTOM = 46, 6, 8, 20
NAMES, BAR = 132, 128  # of a chart of bars: room for names, length of the longest bar
LETTERS = 20  # of a name that are shown
LEVELS = (0.25, 0.5, 0.75, 1.0, 2.0)  # ratios to the limit at which a heat strip changes its colour
GAP, SHADED = ("not known yet", "gap"), ("days of the alarm", "shaded")

STYLE = """
:root { --quiet: #59636e; --usual: #818b98; --now: #0969da; --other: #8250df; --over: #cf222e; --over-band: #ffebe9 }
@media (prefers-color-scheme: dark) { :root { --quiet: #9198a1; --usual: #7d8590; --now: #4493f8; --other: #ab7df8;
  --over: #f85149; --over-band: #3c1618 } }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: 1rem 1.5rem;
  margin: 1rem 0 }
figure { margin: 0; min-width: 0 }
figcaption { font-size: .875rem; font-weight: 600 }
figcaption span { font-weight: 400; color: var(--quiet); white-space: nowrap; margin-right: .6rem }
figcaption span::before { content: ""; display: inline-block; width: .9rem; height: .3rem; margin: 0 .3rem .15rem 0;
  background: var(--key) }
svg { display: block; width: 100%; max-width: 26rem; height: auto; font-size: 11px }
svg text { fill: var(--quiet) }
.axis { stroke: var(--line) } .limit { stroke: var(--over); stroke-dasharray: 4 3 }
.path { fill: none; stroke-width: 1.6 } .unknown { fill: var(--band) } .shaded { fill: var(--over-band) }
.gap { --key: var(--band) } .gap::before { outline: 1px solid var(--line) } span.shaded { --key: var(--over-band) }
.now { --key: var(--now) } .usual { --key: var(--usual) } .other { --key: var(--other) }
.path, .whisker { stroke: var(--key) } .whisker { stroke-width: 1.6 } .bar, .dot { fill: var(--key) }
.dot.over { fill: var(--over) }
svg.strip { width: 14rem; height: 1.25rem; background: var(--band) }
.h0 { fill: var(--now); opacity: .12 } .h1 { fill: var(--now); opacity: .35 } .h2 { fill: var(--now); opacity: .6 }
.h3 { fill: var(--now) } .h4 { fill: var(--over); opacity: .7 } .h5 { fill: var(--over) }
"""


class Series(NamedTuple):
    """Values by day, NaN where they are not known."""

    name: str
    values: np.ndarray
    look: str = "now"  # or `usual`, `other`


class Scale(NamedTuple):
    """Where values of a chart stand; its places share the width."""

    low: float
    high: float
    places: int

    @classmethod
    def of(cls, values: Sequence[float], places: int, from_zero: bool = True) -> "Scale":
        """Return a scale with room for the values."""
        known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if from_zero:
            low = min(low, 0.0)
        if low == high:
            high += abs(high) or 1.0
        room = high - low
        return cls(low if from_zero else low - 0.08 * room, high + 0.08 * room, places)

    def x(self, place: float) -> float:
        """Return the middle of a place."""
        return LEFT + (place + 0.5) / max(self.places, 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the height of a value."""
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    @property
    def ticks(self) -> list[float]:
        """Round values, two to five of them."""
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [place * step for place in range(first, math.floor(self.high / step + 1e-9) + 1)]


def lines(
    title: str,
    days: Sequence[str],
    series: Sequence[Series],
    limit: tuple[str, float] | None = None,
    shaded: tuple[int, int] | None = None,
) -> Markup:
    """Return a chart of values by day.

    Parameters
    ----------
    title : str
        What is shown.
    days : sequence of str
        The days as text.
    series : sequence of Series
        A line each; a gap where nothing is known, and words where that lasts until the end.
    limit : (str, float), optional
        Name and height of a dashed line; values above it are marked.
    shaded : (int, int), optional
        First and last of the days of an alarm.
    """
    top = [] if limit is None else [limit[1]]
    values = [float(value) for one in series for value in one.values]
    scale = Scale.of([*values, *top], len(days))
    known = max((_known_days(one.values) for one in series if one.look != "usual"), default=0)
    parts = [] if shaded is None else [_band(scale, shaded[0], shaded[1] + 1, "shaded")]
    parts += [] if known == len(days) else [_band(scale, known, len(days), "unknown")]
    parts.append(_axes(scale, days))
    parts += [_path(scale, one, math.inf if limit is None else limit[1]) for one in series]
    parts.append(Markup("") if limit is None else _limit(scale, *limit))
    told = "; ".join(_in_words(one, days) for one in series)
    bands = [*([] if shaded is None else [SHADED]), *([] if known == len(days) else [GAP])]
    return _figure(title, told, parts, [*((one.name, one.look) for one in series), *bands])


def _known_days(values: np.ndarray) -> int:
    """Return the number of days up to the last one that is known."""
    return int(np.flatnonzero(~np.isnan(values)).max(initial=-1)) + 1


def _in_words(one: Series, days: Sequence[str]) -> str:
    known = np.flatnonzero(~np.isnan(one.values))
    if not len(known):
        return f"{one.name}: not known yet"
    most, last = int(np.nanargmax(one.values)), int(known[-1])
    return f"{one.name}: at most {short(one.values[most])} on {days[most]}, {short(one.values[last])} on {days[last]}"


def _path(scale: Scale, one: Series, limit: float) -> Markup:
    steps, gap, dots = [], True, []
    for place, value in enumerate(one.values.tolist()):
        if math.isnan(value):
            gap = True
            continue
        x, y = f"{scale.x(place):.1f}", f"{scale.y(value):.1f}"
        steps.append(f"{'M' if gap else 'L'}{x} {y}")
        alone = gap and (place + 1 == len(one.values) or math.isnan(one.values[place + 1]))
        if value > limit or alone:
            dots.append(_dot(x, y, "dot over" if value > limit else f"dot {one.look}"))
        gap = False
    return Markup('<path class="path {}" d="{}"/>').format(one.look, "".join(steps)) + Markup("").join(dots)


def _dot(x: str, y: str, look: str) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="2.2"/>').format(look, x, y)


def _limit(scale: Scale, name: str, value: float) -> Markup:
    y = scale.y(value)
    line = Markup('<path class="limit" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT)
    return line + _label(WIDTH - RIGHT, y - 3 if y > TOP + 12 else y + 11, name, "end")


def _band(scale: Scale, begin: int, end: int, look: str) -> Markup:
    left, right = scale.x(begin - 0.5), scale.x(end - 0.5)
    shape = '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>'
    return Markup(shape).format(look, left, TOP, right - left, HEIGHT - BOTTOM - TOP)


def _axes(scale: Scale, names: Sequence[str]) -> Markup:
    """Return round values with their lines, and the first and the last name."""
    parts = []
    for tick in scale.ticks:
        y = scale.y(tick)
        parts.append(Markup('<path class="axis" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT))
        parts.append(_label(LEFT - 4, y + 4, f"{tick:,.10g}", "end"))
    if names:
        parts.append(_label(LEFT, HEIGHT - 5, names[0], "start"))
    if len(names) > 1:
        parts.append(_label(WIDTH - RIGHT, HEIGHT - 5, names[-1], "end"))
    return Markup("").join(parts)


def _label(x: float, y: float, text: str, anchor: str) -> Markup:
    shape = '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    return Markup(shape).format(x, y, anchor, plain_text(text))


def whiskers(
    title: str, names: Sequence[str], groups: Sequence[tuple[str, str, Sequence[Figure]]], from_zero: bool = False
) -> Markup:
    """Return a chart of figures with their intervals.

    Parameters
    ----------
    title : str
        What is shown.
    names : sequence of str
        The windows.
    groups : sequence of (str, str, sequence of Figure)
        Name, look, and the figure of each window; one without a value is shown as not known yet.
    from_zero : bool
        Whether the scale begins at 0.
    """
    figures = [figure for _, _, own in groups for figure in own]
    scale = Scale.of([end for figure in figures for end in figure if end is not None], len(names), from_zero)
    unknown = [place for place in range(len(names)) if all(own[place].value is None for _, _, own in groups)]
    parts = [*(_band(scale, place, place + 1, "unknown") for place in unknown), _axes(scale, names)]
    for number, (_, look, own) in enumerate(groups):
        shift = (number - (len(groups) - 1) / 2) * 0.22
        parts += [_whisker(scale, place + shift, figure, look) for place, figure in enumerate(own)]
    told = "; ".join(f"{name}: {_last_in_words(names, own)}" for name, _, own in groups)
    keys = [(name, look) for name, look, _ in groups]
    return _figure(title, told, parts, [*keys, *([GAP] if unknown else [])])


def _last_in_words(names: Sequence[str], figures: Sequence[Figure]) -> str:
    known = [(name, figure) for name, figure in zip(names, figures, strict=True) if figure.value is not None]
    return f"{with_ends(known[-1][1])} in the window from {known[-1][0]}" if known else "not known yet"


def _whisker(scale: Scale, place: float, figure: Figure, look: str) -> Markup:
    if figure.value is None:
        return Markup("")
    x = f"{scale.x(place):.1f}"
    dot = _dot(x, f"{scale.y(figure.value):.1f}", f"dot {look}")
    if figure.low is None or figure.high is None:
        return dot
    low, high = scale.y(figure.low), scale.y(figure.high)
    return Markup('<path class="whisker {}" d="M{} {:.1f}V{:.1f}"/>').format(look, x, low, high) + dot


def bars(title: str, names: Sequence[str], usual: Sequence[float], now: Sequence[float], when: str) -> Markup:
    """Return the share of the records in each bin, the reference's above that of some days; empty bins are left out."""
    filled = [bin for bin in zip(names, usual, now, strict=True) if bin[1] or bin[2]]
    longest = max((max(bin[1:]) for bin in filled), default=1.0)
    parts, step = [], 24
    for place, (name, before, after) in enumerate(filled):
        y = place * step + 2
        parts += [_label(NAMES - 6, y + 14, _cut(name), "end"), _bar(y, before / longest, "usual")]
        parts += [_bar(y + 10, after / longest, "now"), _label(WIDTH, y + 14, percent(after), "end")]
    worst = max(filled, key=lambda bin: abs(bin[2] - bin[1]), default=None)
    told = (
        "no records" if worst is None else f"{worst[0]}: {percent(worst[1])} in the reference, {percent(worst[2])} now"
    )
    return _figure(title, told, parts, [("reference", "usual"), (when, "now")], len(filled) * step + 2)


def _bar(y: float, share: float, look: str) -> Markup:
    shape = '<rect class="bar {}" x="{}" y="{}" width="{:.1f}" height="9"/>'
    return Markup(shape).format(look, NAMES, y, max(share * BAR, 0.5))


def _cut(name: str) -> str:
    """Return as much of a name as fits; letters of some scripts are twice as wide."""
    kept, room = "", LETTERS
    for letter in plain_text(name):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 0:
            return f"{kept[:-1]}…"
        kept += letter
    return kept


def strip(title: str, ratios: np.ndarray, days: Sequence[str]) -> Markup:
    """Return a row of coloured days: the deeper, the nearer to the limit; another colour beyond it."""
    parts, begin = [], 0
    levels = [None if math.isnan(ratio) else sum(ratio > level for level in LEVELS) for ratio in ratios.tolist()]
    for place in range(1, len(levels) + 1):
        if place == len(levels) or levels[place] != levels[begin]:
            if levels[begin] is not None:
                shape = '<rect class="h{}" x="{}" y="0" width="{}" height="1"/>'
                parts.append(Markup(shape).format(levels[begin], begin, place - begin))
            begin = place
    told = f"{title}, {_in_words(Series('ratio to the limit', ratios), days)}"
    shape = (
        '<svg class="strip" viewBox="0 0 {} 1" preserveAspectRatio="none" shape-rendering="crispEdges" role="img"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    )
    return Markup(shape).format(max(len(levels), 1), plain_text(told), plain_text(told), Markup("").join(parts))


def _figure(
    title: str, told: str, parts: Sequence[Markup], keys: Sequence[tuple[str, str]], height: int = HEIGHT
) -> Markup:
    legend = [Markup('<span class="{}">{}</span>').format(look, plain_text(name)) for name, look in keys]
    shape = (
        '<figure><figcaption>{}<br>{}</figcaption><svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg></figure>'
    )
    about = plain_text(f"{title}. {told}.")
    return Markup(shape).format(
        plain_text(title), Markup(" ").join(legend), WIDTH, height, about, Markup("").join(parts)
    )
