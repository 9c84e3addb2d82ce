"""Write a report as one HTML page that needs no other file and follows the reader's light or dark theme."""

import base64
from html import escape

from lifecycle.document.blocks import Block, Code, Document, Picture, Section, Strong, Table, Text

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #fff; --band: #f6f8fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d; --paper: #0d1117; --band: #151b23 }
}
body { margin: 0 auto; padding: 1rem; max-width: 62rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  overflow-wrap: anywhere }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem }
h1, h2 { border-bottom: 1px solid var(--line); padding-bottom: .3rem }
.table { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .75rem; border: 1px solid var(--line); text-align: left; white-space: nowrap }
.number { text-align: right } tr:nth-child(even) td { background: var(--band) }
td.long { white-space: normal; min-width: 12rem }
code { background: var(--band); padding: .1em .3em; border-radius: 4px;
  font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
img { width: 440px; max-width: 100%; height: auto; margin: .25rem } .more { color: var(--soft) }
summary { font-size: 1.2rem; font-weight: 600; margin-top: 2rem; cursor: pointer }
"""
LONG = 40  # characters from which a cell may break


def page(document: Document) -> str:
    """Return the report as an HTML page."""
    body = [f"<h1>{escape(document.title)}</h1>", *map(_block, document.blocks), *map(_section, document.sections)]
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Whatever a name or a value holds, nothing is loaded and nothing runs.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:;'
        " style-src 'unsafe-inline'\">",
        f"<title>{escape(document.title)}</title>",
        f"<style>{STYLE}</style>",
    ]
    return "\n".join(["<!doctype html>", '<html lang="en">', *head, *body, "</html>"]) + "\n"


def _section(section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    if section.folded:
        return f"<details><summary>{escape(section.title)}</summary>\n{blocks}\n</details>"
    return f"<h2>{escape(section.title)}</h2>\n{blocks}"


def _block(block: Block) -> str:
    match block:
        case Text(parts):
            return f"<p>{''.join(map(_inline, parts))}</p>"
        case Table():
            return _table(block)
        case Picture(_, about, light, dark):
            source = f'<source media="(prefers-color-scheme: dark)" srcset="{_data(dark)}">'
            return f'<picture>{source}<img src="{_data(light)}" alt="{escape(about)}"></picture>'


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        found = []
        for place, cell in enumerate(cells):
            kinds = {"number": place >= table.left, "long": len(cell) > LONG}
            names = " ".join(name for name, applies in kinds.items() if applies)
            found.append(f"<{tag}{f' class={names!r}' if names else ''}>{_inline(cell)}</{tag}>")
        return f"<tr>{''.join(found)}</tr>"

    lines = [f"<thead>{row(table.header, 'th')}</thead>", "<tbody>", *(row(cells, "td") for cells in table.rows)]
    more = f'\n<p class="more">and {table.more} more</p>' if table.more else ""
    return '<div class="table"><table>\n' + "\n".join(lines) + f"\n</tbody></table></div>{more}"


def _inline(part: str) -> str:
    shown = escape(part)
    if isinstance(part, Code):
        return f"<code>{shown}</code>"
    return f"<strong>{shown}</strong>" if isinstance(part, Strong) else shown


def _data(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
