"""Write a report as Markdown, for GitHub and whatever else reads tables with pipes."""

import re
from collections.abc import Sequence
from itertools import groupby

from lifecycle.document.blocks import Block, Code, Document, Picture, Section, Strong, Table, Text

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def markdown(document: Document, pictures: bool = True) -> str:
    """Return the report's Markdown.

    Parameters
    ----------
    document : Document
        The report.
    pictures : bool
        False leaves them out: for a place that can't show files beside it, such as a comment.
    """
    parts = [f"# {_inline(document.title)}", *_blocks(document.blocks, pictures)]
    for section in document.sections:
        parts += _section(section, pictures)
    return "\n\n".join(parts) + "\n"


def _section(section: Section, pictures: bool) -> list[str]:
    blocks = _blocks(section.blocks, pictures)
    if section.folded:
        return [f"<details><summary>{_inline(section.title)}</summary>", *blocks, "</details>"]
    return [f"## {_inline(section.title)}", *blocks]


def _blocks(blocks: Sequence[Block], pictures: bool) -> list[str]:
    """Return the blocks' Markdown; pictures that follow each other are one paragraph, so they stand side by side."""
    found: list[str] = []
    for drawn, group in groupby(blocks, lambda block: isinstance(block, Picture)):
        if drawn:
            found += ["\n".join(map(_block, group))] if pictures else []
        else:
            found += map(_block, group)
    return found


def _block(block: Block) -> str:
    match block:
        case Text(parts):
            return "".join(map(_inline, parts))
        case Table():
            return _table(block)
        case Picture(name, about):
            # GitHub shows the source that fits the reader's theme, other readers the picture below.
            dark = f'<source media="(prefers-color-scheme: dark)" srcset="{name}-dark.png">'
            return f'<picture>{dark}<img src="{name}-light.png" alt="{about}" width="440"></picture>'


def _table(table: Table) -> str:
    rule = [":--" if place < table.left else "--:" for place in range(len(table.header))]
    cells = [list(map(_inline, table.header)), rule, *(list(map(_inline, row)) for row in table.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join(lines) + (f"\n\nand {table.more} more" if table.more else "")


def _inline(part: str) -> str:
    if isinstance(part, Code):
        return _code(part)
    escaped = SPECIAL.sub(r"\\\1", part)
    return f"**{escaped}**" if isinstance(part, Strong) else escaped


def _code(part: str) -> str:
    """Return a code span: nothing inside is read as Markdown, HTML or a mention."""
    content = " ".join(part.split()).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", content)), default=0))
    space = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{fence}{space}{content}{space}{fence}" if content else "(empty)"
