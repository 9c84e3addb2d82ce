"""docs/protocols.md names every route, and its requests score."""

import json
import re

import pytest

from service.routes import endpoints
from service.settings import Settings
from tests.docs import blocks
from tests.graph import ROOT
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import service

PAGE = ROOT / "docs/protocols.md"


def test_every_route_stands_on_the_page():
    named = set(re.findall(r"`((?:GET|POST) /[^`]*)`", PAGE.read_text(encoding="utf-8")))
    named |= {f"{each}/ready" for each in named if each.startswith("GET /v2/models")}
    routes = {f"{each.method} {each.path}" for _, each in endpoints(Settings())}
    assert named - {"GET /openapi.json", "GET /docs"} == routes


@pytest.mark.slow
def test_requests_on_the_page_score(tmp_path):
    servable = history_bundle(tmp_path / "bundle")
    with service(tmp_path, servable.folder, store="memory") as running:
        sent = 0
        for block in blocks(PAGE):
            if block.language == "json" and block.marks:
                (path,) = block.marks - {"POST"}
                answer = running.ask("POST", path.replace("{name}", servable.name), json.loads(block.text))
                assert answer.status == 200, answer.body
                sent += 1
        assert sent >= 3
