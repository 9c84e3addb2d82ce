"""The pages of the service are true: routes, requests, commands, and how to take the service off."""

import json
import os
import re

import pytest

from service.routes import endpoints
from service.settings import Settings
from tests.conftest import run
from tests.docs import blocks
from tests.graph import ROOT
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import service
from tests.test_docs import follow, with_environment

PAGE = ROOT / "docs/protocols.md"
SERVING = ROOT / "docs/serving.md"
# What must hold in a project without the service; `make test` there runs all that is left.
LEFT = (
    "tests/test_floors.py tests/test_honesty.py tests/test_docs.py tests/test_scorecard.py tests/test_workflows.py"
    " tests/test_docstrings.py tests/lifecycle/core tests/lifecycle/contract tests/lifecycle/features/online"
)


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


@pytest.mark.slow
def test_the_page_on_serving_can_be_followed_on_the_reduced_size(workspace):
    follow(SERVING, with_environment(workspace))


@pytest.mark.slow
def test_the_page_on_the_audit_log_can_be_followed(workspace):
    follow(ROOT / "docs/audit.md", with_environment(workspace))


@pytest.mark.nightly
def test_the_page_on_protocols_adds_one_in_front_of_the_reader(workspace):
    follow(PAGE, with_environment(workspace))
    changed = run("git add -A src && git diff --cached --name-only -- src", workspace).stdout.split()
    assert changed == ["src/service/protocols/bare_scores.py", "src/service/routes.py"]
    run(
        "python -m pytest -q -p no:cacheprovider -m 'not slow' tests/service/openapi tests/service/test_routes.py",
        workspace,
    )


@pytest.mark.nightly
def test_the_service_can_be_taken_off(clone):
    (removal,) = (block for block in blocks(SERVING) if "removal" in block.marks)
    folder = with_environment(clone)
    run(f"set -e\n{removal.text}\ngit commit -qam 'Without the service'", folder)
    assert not list(folder.rglob("service/*.py"))
    run("ruff check && ruff format --check && mypy", folder)
    collected = run("python -m pytest --collect-only -q -p no:cacheprovider", folder).stdout  # imports every test
    assert "error" not in collected.splitlines()[-1]
    left = LEFT if os.environ.get("RELIABILITY") == "full" else "tests/test_floors.py tests/test_honesty.py"
    run(f"python -m pytest -m 'not slow' -p no:cacheprovider {left}", folder)
    said = run("python src/mlops.py serve", folder, fails=True).stderr
    assert "the service has been taken off" in said
    assert "Traceback" not in said
