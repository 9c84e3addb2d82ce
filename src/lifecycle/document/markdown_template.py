"""Fill in Markdown templates. A value stays text, whatever it holds: no markup, no command for a console."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~]|&(?=#?\w+;))")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # ends of lines, and what a console takes for a command
NOT_DEFINED = "not defined"


class Markdown(str):
    """Text that is Markdown already; any other value is escaped where a template shows it."""

    __slots__ = ()


def number(value: Any) -> str:
    """Return a figure with about four digits, a count with all, text as it is.

    Examples
    --------
    >>> number(1754155), number(59.32142), number(0.0004461), number(None)
    ('1,754,155', '59.32', '0.000446', 'not defined')
    """
    if value is None:
        return NOT_DEFINED
    if isinstance(value, str | bool):
        return str(value)
    if float(value).is_integer():
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:.{2 if size >= 10 else 4 if size >= 0.01 else 6}f}"


def between(ends: Sequence[float | None] | None) -> str:
    """Return an interval."""
    return NOT_DEFINED if not ends or None in ends else f"{number(ends[0])} to {number(ends[1])}"


def with_interval(figures: Mapping[str, Any], name: str) -> str:
    """Return a figure with its interval in brackets; the ends are NAME_low and NAME_high."""
    if figures[name] is None:
        return NOT_DEFINED
    return f"{number(figures[name])} ({between((figures[f'{name}_low'], figures[f'{name}_high']))})"


def plain(value: Any) -> Markdown:
    r"""Return Markdown that shows a value as it is.

    Examples
    --------
    >>> plain("amount_ratio"), plain(0.5)
    ('amount\\_ratio', '0.5000')
    """
    return value if isinstance(value, Markdown) else Markdown(SPECIAL.sub(r"\\\1", CONTROL.sub(" ", number(value))))


def code(value: str) -> Markdown:
    """Return a code span: nothing inside is read as Markdown, HTML, a mention or the end of a cell."""
    content = " ".join(CONTROL.sub(" ", str(value)).split()).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", content)), default=0))
    space = " " if content.startswith("`") or content.endswith("`") else ""
    return Markdown(f"{fence}{space}{content}{space}{fence}" if content else "(empty)")


def listed(names: Sequence[str], most: int = 4) -> Markdown:
    """Return names as the parts of a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c", "d"], most=2)
    '`a`, `b` and 2 more'
    """
    more = len(names) - most
    return Markdown(", ".join(map(code, names[:most])) + (f" and {more} more" if more > 0 else ""))


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], left: int = 1, most: int = 20) -> Markdown:
    """Return a table: `left` columns of text, then numbers, at most so many rows; the others are counted."""
    rule = [Markdown(":--" if place < left else "--:") for place in range(len(header))]
    lines = ["| " + " | ".join(map(plain, row)) + " |" for row in (header, rule, *rows[:most])]
    more = f"\n\nand {len(rows) - most} more" if len(rows) > most else ""
    return Markdown("\n".join(lines) + more)


def minute(moment: str) -> str:
    """Return an ISO time to the minute."""
    return moment[:16].replace("T", " ")


class Picture(NamedTuple):
    """A picture in two versions."""

    name: str  # of its files, without -light.png and -dark.png
    about: str
    light: bytes
    dark: bytes

    def beside(self) -> Markdown:
        """Return Markdown that shows the files beside it; GitHub takes the one that fits the reader's theme."""
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{self.name}-dark.png">'
        return Markdown(f'<picture>{dark}<img src="{self.name}-light.png" alt="{self.about}" width="440"></picture>')


FILTERS = {
    "between": between,
    "code": code,
    "json": json.dumps,
    "listed": listed,
    "markdown": Markdown,
    "minute": minute,
}


def fill(template: Path, **values: Any) -> str:
    """Return a template of Jinja with its values filled in; each goes through `plain`, unless it is `Markdown`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        finalize=plain, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters |= FILTERS
    environment.globals |= {"with_interval": with_interval, "table": table}
    return environment.from_string(template.read_text(encoding="utf-8")).render(**values)
