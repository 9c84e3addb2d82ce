import json
import re
from html.parser import HTMLParser

import pytest

from lifecycle.bundle.servable import Servable
from service.openapi.docs_page import page
from service.settings import Settings
from tests.service.helpers_protocols import described, history_bundle

MEMORY = Settings(store="memory")


class Page(HTMLParser):
    """What a browser finds: forms, texts to send, and tags that are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, str]] = []
        self.sources: list[str] = []
        self.options: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.sources += [value for name, value in attributes if name in {"src", "href", "action"}]
        if tag == "form":
            self.forms.append((found["data-method"], found["data-path"]))
        if tag == "option":
            self.options.append(found["value"])
        if tag not in {"meta", "link", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(servable, settings=MEMORY) -> bytes:
    return page(servable, described(servable, settings))


@pytest.fixture(scope="module")
def servable(tmp_path_factory) -> Servable:
    return history_bundle(tmp_path_factory.mktemp("page") / "bundle")


@pytest.fixture(scope="module")
def text(servable) -> str:
    return page_of(servable).decode()


def test_every_route_has_a_form_with_its_examples(servable, text):
    found, document = Page(text), json.loads(described(servable, MEMORY))
    names = {"{name}": servable.name, "{version}": servable.version}
    paths = [re.sub(r"{\w+}", lambda match: names[match[0]], path) for path in document["paths"]]
    assert {path for _, path in found.forms} == set(paths)
    assert found.open == []
    bodies = [json.loads(option) for option in found.options]
    assert ["features"] in [list(body) for body in bodies]
    assert len(bodies) > 15


def test_features_and_columns_are_explained(servable, text):
    for name in (*servable.features, "transaction_id", "tx_time"):
        assert f"<td><code>{name}</code></td>" in text
    assert "days since the newest record" in text


def test_nothing_comes_from_elsewhere(text):
    assert set(Page(text).sources) == {"/openapi.json", "data:,"}
    assert not re.search(r"https?://|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_names_can_not_bring_markup(servable):
    servable.name, kept = "<script>alert(1)</script>", servable.name
    try:
        assert "<script>alert" not in page_of(servable).decode()
    finally:
        servable.name = kept


def test_a_key_can_be_given_where_one_is_needed(servable, text):
    assert 'id="key"' not in text
    assert 'id="key"' in page_of(servable, Settings(api_keys="keys")).decode()
