"""Read the fenced blocks of a page: commands to run, the output they promise, and files to write."""

import re
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
FILE_ABOVE = re.compile(r"`(?P<path>[\w./-]+)`:\s*$")


class Block(NamedTuple):
    """A fenced block: its language, its marks (further words behind it), text, file named above it, and section."""

    language: str
    marks: frozenset[str]
    text: str
    file: str | None
    section: str = ""


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a Markdown page, in order."""
    content = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(content):
        language, *marks = match["info"].split() or [""]
        named = FILE_ABOVE.search(content[: match.start()])
        section = ["", *HEADING.findall(content[: match.start()])][-1]
        found.append(Block(language, frozenset(marks), match["text"], named["path"] if named else None, section))
    return found
