"""HTML pages that need no other file and follow the reader's light or dark theme: of Markdown, or of a template."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from lifecycle.document.markdown_template import CONTROL, Picture, number

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --line: #d1d9e0; --paper: #fff; --band: #f6f8fa }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f6fc; --line: #3d444d; --paper: #0d1117; --band: #151b23 } }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  overflow-wrap: anywhere }
h1, h2 { border-bottom: 1px solid var(--line); padding-bottom: .3rem; font-size: 1.6rem }
h2 { font-size: 1.2rem; margin-top: 2rem }
table { display: block; overflow-x: auto; overflow-wrap: normal; border-collapse: collapse; font-size: .875rem;
  font-variant-numeric: tabular-nums }
th, td { padding: .3rem .75rem; border: 1px solid var(--line) }
td[style*=right] { white-space: nowrap }
tr:nth-child(even) td, code { background: var(--band) }
code { padding: .1em .3em; border-radius: 4px; font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
img { width: 440px; max-width: 100%; height: auto; margin: .25rem }
"""


def page(title: str, text: str, pictures: Sequence[Picture] = ()) -> str:
    """Return Markdown as an HTML page; whatever a name or a value holds, nothing is loaded and nothing runs.

    The text shows a picture as `![](NAME)`.
    """
    return _document(title, _body(text, pictures), STYLE)


def fill_page(template: Path, title: str, style: str = "", **values: Any) -> str:
    """Return an HTML page whose body is a template of Jinja; each value is text, unless it is `Markup`.

    `style` comes after the style that all pages share.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=plain_text, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    body = environment.from_string(template.read_text(encoding="utf-8")).render(title=title, **values)
    return _document(title, body, STYLE + style)


def plain_text(value: Any) -> Any:
    """Return a value as it is shown: a figure with about four digits, text without what no page can show."""
    return value if hasattr(value, "__html__") else CONTROL.sub(" ", number(value))


def _document(title: str, body: str, style: str) -> str:
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:;'
        " style-src 'unsafe-inline'\">",
        f"<title>{escape(plain_text(title))}</title>",
        f"<style>{style}</style>",
    ]
    return "\n".join(["<!doctype html>", '<html lang="en">', *head, body, "</html>"]) + "\n"


def _body(text: str, pictures: Sequence[Picture]) -> str:
    from markdown_it import MarkdownIt

    by_name = {picture.name: picture for picture in pictures}

    def image(_: Any, tokens: Any, place: int, *__: Any) -> str:
        return _picture(by_name[tokens[place].attrs["src"]])

    writer = MarkdownIt("commonmark", {"html": False}).enable("table")
    writer.add_render_rule("image", image)
    return str(writer.render(text))


def _picture(picture: Picture) -> str:
    dark, light = (f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in (picture.dark, picture.light))
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
    return f'<picture>{source}<img src="{light}" alt="{escape(picture.about)}"></picture>'
