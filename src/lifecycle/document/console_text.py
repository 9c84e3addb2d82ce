"""Write a report as aligned text, for a terminal or a log."""

import re
import textwrap

from lifecycle.document.blocks import Block, Document, Picture, Strong, Table, Text

WIDTH = 100
WIDEST = 64  # of a cell
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plain(document: Document) -> str:
    """Return the report as text; pictures are left out."""
    parts = [_title(document.title, "="), *_blocks(document.blocks)]
    for section in document.sections:
        parts += [_title(section.title, "-"), *_blocks(section.blocks)]
    return "\n\n".join(parts) + "\n"


def _title(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}"


def _blocks(blocks: tuple[Block, ...]) -> list[str]:
    return [_block(block) for block in blocks if not isinstance(block, Picture)]


def _block(block: Block) -> str:
    match block:
        case Text(parts):
            return textwrap.fill("".join(map(_cell, parts)), WIDTH, break_on_hyphens=False)
        case Table():
            return _table(block)
    raise TypeError(block)


def _table(table: Table) -> str:
    cells = [[_short(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < table.left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *([f"and {table.more} more"] if table.more else [])])


def _cell(part: str) -> str:
    # A value may hold what a terminal takes for a command.
    shown = CONTROL.sub(" ", part)
    return shown.upper() if isinstance(part, Strong) else shown


def _short(part: str) -> str:
    shown = CONTROL.sub(" ", part)
    return shown if len(shown) <= WIDEST else shown[: WIDEST - 1] + "…"
