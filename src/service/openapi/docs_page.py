"""GET /docs: one page, without anything from elsewhere, on which every route can be read and tried."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from lifecycle.bundle.servable import Servable

FORM = Path(__file__).with_name("page.html")


def page(servable: Servable, document: bytes) -> bytes:
    """Return the page, made from the OpenAPI document."""
    described = json.loads(document)
    template = Template(FORM.read_text(encoding="utf-8"))
    content = "\n".join(_content(described, servable))
    return template.substitute(title=escape(described["info"]["title"]), content=content).encode()


def _content(described: Mapping[str, Any], servable: Servable) -> Iterator[str]:
    info, components = described["info"], described["components"]
    yield f"<h1>{escape(info['title'])}</h1>"
    yield f'<p>{escape(info["summary"])} <span class="soft">Version <code>{escape(info["version"])}</code></span></p>'
    yield '<p><a href="/openapi.json">OpenAPI document</a></p>'
    if "securitySchemes" in components:
        yield '<p><label>API key <input id="key" type="password" autocomplete="off"></label></p>'
    yield "<h2>Rows</h2>"
    yield _fields("Features, in the order of a vector", components["schemas"]["Features"])
    if "Transaction" in components["schemas"]:
        yield _fields("A raw transaction", components["schemas"]["Transaction"])
    tag = ""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if operation["tags"] != [tag]:
                (tag,) = operation["tags"]
                yield f"<h2>{escape(tag)}</h2>"
            yield _operation(method, path, operation, servable)


def _fields(title: str, schema: Mapping[str, Any]) -> str:
    required = schema["required"]
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(each))}</td>"
        f"<td>{'' if name in required else 'optional; '}{escape(each.get('description', ''))}</td></tr>"
        for name, each in schema["properties"].items()
    )
    head = "<tr><th>name</th><th>type</th><th>meaning</th></tr>"
    return f"<details open><summary>{escape(title)}</summary><table>{head}{rows}</table></details>"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    if "type" not in schema:
        return "anything"
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    limits = [f"{word} {schema[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    return " or ".join(kinds) + ("" if "string" in kinds else f", {' '.join(limits)}")


def _operation(method: str, path: str, operation: Mapping[str, Any], servable: Servable) -> str:
    real = path.replace("{name}", quote(servable.name, safe="")).replace("{version}", servable.version)
    first = " open" if path == "/predict" else ""
    name = f'<code class="{method}">{method.upper()} {escape(path)}</code>'
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    statuses = ", ".join(operation["responses"])
    return (
        f"<details{first}><summary>{name} <small>{escape(operation['summary'])}</small></summary>"
        f'<p class="soft">Answers {statuses}.</p>'
        f'<form data-method="{method.upper()}" data-path="{escape(real)}">{_body(content.get("examples", {}))}'
        '<button type="submit">Try it</button><pre hidden aria-live="polite"></pre></form></details>'
    )


def _body(examples: Mapping[str, Any]) -> str:
    if not examples:
        return ""
    texts = {name: json.dumps(example["value"], indent=1, ensure_ascii=False) for name, example in examples.items()}
    options = "".join(f'<option value="{escape(text)}">{escape(name)}</option>' for name, text in texts.items())
    first = escape(next(iter(texts.values())))
    body = f'<textarea aria-label="request body" spellcheck="false">{first}</textarea>'
    return f'<label class="soft">Example <select>{options}</select></label>{body}'
