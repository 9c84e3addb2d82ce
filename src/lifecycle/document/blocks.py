"""What a report consists of: one structure, which `markdown`, `terminal` and `page` write down."""

from collections.abc import Sequence
from typing import NamedTuple


class Code(str):
    """A name or a value of the project's: written as it is, whatever it holds."""

    __slots__ = ()


class Strong(str):
    """What a reader shall see first."""

    __slots__ = ()


class Text(NamedTuple):
    """A paragraph of plain words, `Code` and `Strong`, one behind the other."""

    parts: tuple[str, ...]


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


Block = Text | Table | Picture


class Section(NamedTuple):
    """A title and what stands below it."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False  # where a reader can open it: closed at first


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


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], left: int = 1, most: int = 20) -> Table:
    """Make a table of at most so many rows; the others are counted."""
    return Table(header, tuple(rows[:most]), left, max(len(rows) - most, 0))


def listed(names: list[str], most: int = 4) -> tuple[str, ...]:
    """Return names as the parts of a sentence: `a`, `b` and 3 more."""
    parts: list[str] = []
    for name in names[:most]:
        parts += [", ", Code(name)]
    more = len(names) - most
    return (*parts[1:], *([f" and {more} more"] if more > 0 else []))
