"""The blocks that a report or a model card consists of; `markdown` and `html_page` write them down."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

NOT_DEFINED = "not defined"


class Code(str):
    """A name or a value of the project's: written as it is, whatever it holds."""

    __slots__ = ()


class Strong(str):
    """What a reader shall see first."""

    __slots__ = ()


class Text(NamedTuple):
    """A paragraph of plain words, `Code` and `Strong`, one behind the other."""

    parts: tuple[str, ...]


class Bullets(NamedTuple):
    """A list; each item is made of parts like a paragraph."""

    items: tuple[tuple[str, ...], ...]


class Table(NamedTuple):
    """Rows of cells: each a plain word, `Code` or `Strong`."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1  # columns of text; those behind hold numbers and stand to the right
    more: int = 0  # rows that are left out


class Picture(NamedTuple):
    """A picture in two versions."""

    name: str  # of its files, without -light.png and -dark.png
    about: str
    light: bytes
    dark: bytes


Block = Text | Bullets | Table | Picture


class Section(NamedTuple):
    """A title and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


class Document(NamedTuple):
    """A report."""

    title: str
    blocks: tuple[Block, ...]
    sections: tuple[Section, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, in order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Picture))


def text(*parts: str) -> Text:
    """Make a paragraph."""
    return Text(parts)


def bullets(items: Iterable[str | tuple[str, ...]]) -> Bullets:
    """Make a list; an item is plain words, or parts."""
    return Bullets(tuple((item,) if isinstance(item, str) else item for item in items))


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], left: int = 1, most: int = 20) -> Table:
    """Make a table of at most so many rows; the others are counted."""
    return Table(header, tuple(rows[:most]), left, max(len(rows) - most, 0))


def listed(names: list[str], most: int = 4) -> tuple[str, ...]:
    """Return names as the parts of a sentence.

    Examples
    --------
    >>> "".join(listed(["a", "b", "c", "d"], most=2))
    'a, b and 2 more'
    """
    parts: list[str] = []
    for name in names[:most]:
        parts += [", ", Code(name)]
    more = len(names) - most
    return (*parts[1:], *([f" and {more} more"] if more > 0 else []))


def number(value: Any) -> str:
    """Return a figure with about four digits, a count with all; text as it is.

    Parameters
    ----------
    value : number, str or None
        None: not defined.

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


def between(low: float | None, high: float | None) -> str:
    """Return an interval."""
    return NOT_DEFINED if low is None or high is None else f"{number(low)} to {number(high)}"
