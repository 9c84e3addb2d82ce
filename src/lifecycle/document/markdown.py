"""Write a document as Markdown, for GitHub, a terminal, and whatever else reads tables with pipes."""

import re
from collections.abc import Callable, Sequence
from itertools import groupby

from lifecycle.document.blocks import Block, Bullets, Code, Document, Picture, Strong, Table, Text

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~]|&(?=#?\w+;))")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # ends of lines, and what a terminal takes for a command


def markdown(document: Document, picture: Callable[[Picture], str] | None = None) -> str:
    """Return the document's Markdown.

    Parameters
    ----------
    document : Document
        The document.
    picture : callable, optional
        Writes a picture, such as `beside`. Without it pictures are left out: for a place that can't show files, such as
        a comment or a terminal.
    """
    parts = [f"# {_inline(document.title)}", *_blocks(document.blocks, picture)]
    for section in document.sections:
        parts += [f"## {_inline(section.title)}", *_blocks(section.blocks, picture)]
    return "\n\n".join(parts) + "\n"


def beside(picture: Picture) -> str:
    """Return a picture whose files lie beside the Markdown; GitHub shows the one that fits the reader's theme."""
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{picture.name}-dark.png">'
    return f'<picture>{dark}<img src="{picture.name}-light.png" alt="{picture.about}" width="440"></picture>'


def _blocks(blocks: Sequence[Block], picture: Callable[[Picture], str] | None) -> list[str]:
    """Return the blocks' Markdown; pictures that follow each other are one paragraph, so they stand side by side."""
    parts: list[str] = []
    for pictures, group in groupby(blocks, lambda block: isinstance(block, Picture)):
        if not pictures:
            parts += map(_block, group)
        elif picture:
            parts.append("\n".join(picture(one) for one in group if isinstance(one, Picture)))
    return parts


def _block(block: Block) -> str:
    match block:
        case Text(parts):
            return _line(parts)
        case Bullets(items):
            return "\n".join(f"- {_line(parts)}" for parts in items)
        case Table():
            return _table(block)
    raise TypeError(block)


def _table(table: Table) -> str:
    rule = [":--" if place < table.left else "--:" for place in range(len(table.header))]
    cells = [list(map(_cell, table.header)), rule, *(list(map(_cell, row)) for row in table.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join(lines) + (f"\n\nand {table.more} more" if table.more else "")


def _cell(part: str) -> str:
    return _inline(part).replace("|", "\\|") if isinstance(part, Code) else _inline(part)


def _line(parts: Sequence[str]) -> str:
    return "".join(map(_inline, parts))


def _inline(part: str) -> str:
    plain = CONTROL.sub(" ", part)
    if isinstance(part, Code):
        return _code(plain)
    escaped = SPECIAL.sub(r"\\\1", plain)
    return f"**{escaped}**" if isinstance(part, Strong) else escaped


def _code(part: str) -> str:
    """Return a code span: nothing inside is read as Markdown, HTML or a mention."""
    content = " ".join(part.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", content)), default=0))
    space = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{fence}{space}{content}{space}{fence}" if content else "(empty)"
