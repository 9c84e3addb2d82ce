"""Each alert has a page that can be followed: its queries run, its commands are there, its links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml

from mlops import COMMANDS
from tests.conftest import run
from tests.deploy.helpers_alerting import (
    alerts,
    free_port,
    needs_prometheus,
    prometheus,
    severities,
    tool,
    wait_until,
)
from tests.deploy.helpers_exporter import exporter
from tests.docs import blocks
from tests.graph import ROOT, taken_off

PAGES = sorted((ROOT / "docs/runbooks").glob("*.md"))
PARTS = ["What it means", "First look", "Usual causes", "What to do", "When it resolves"]
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def queries(page: Path) -> list[str]:
    return [line for block in blocks(page) if block.language == "promql" for line in block.text.splitlines()]


def test_each_alert_has_its_page_and_no_page_is_left_over() -> None:
    assert {page.stem for page in PAGES} == set(alerts())


@by_name
def test_a_page_has_all_its_parts_and_can_be_read_in_a_hurry(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert 25 <= len(text.splitlines()) <= 45
    assert len(queries(page)) >= 2


@by_name
def test_its_commands_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = [block.text for block in blocks(page) if block.language == "sh"]
    for command in commands:
        run(f"bash -n <<'COMMANDS'\n{command}\nCOMMANDS", ROOT)
    assert set(re.findall(r"mlops\.py (\w+)", text)) <= set(COMMANDS)
    places = [(page.parent / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", text)]
    places += [ROOT / name for name in re.findall(r"(?:deploy|src|docs|metrics)/[\w./-]+\.(?:yml|py|md)", text)]
    missing = [place.relative_to(ROOT).as_posix() for place in places if not place.exists()]
    assert not [name for name in missing if not taken_off(name)]


@needs_prometheus
def test_every_query_is_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"of:{page.stem}:{n}", "expr": query} for page in PAGES for n, query in enumerate(queries(page))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    tool("promtool", "check", "rules", file)


def test_the_table_of_alerts_is_the_rules() -> None:
    text = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| ([a-z, ]+) \|", text, re.MULTILINE)
    assert all(name == page for name, page, _ in rows)
    assert {name: set(who.split(", ")) for name, _, who in rows} == {name: severities(name) for name in alerts()}


@pytest.mark.nightly
@needs_prometheus
def test_every_query_has_an_answer_where_all_is_well(tmp_path: Path) -> None:
    serving = pytest.importorskip("tests.service.helpers_serving")
    bundle = serving.small_bundle(tmp_path / "bundle")
    with (
        serving.service(tmp_path / "service", bundle, store="memory") as service,
        exporter() as monitor,
        prometheus(
            tmp_path / "prometheus",
            {"ml-model": service.port, "ml-monitor": monitor.port, "alertmanager": free_port()},
        ) as found,
    ):
        monitor.open("schema", "amount", "ticket")

        def answered() -> bool:
            assert service.ask("POST", "/predict", serving.VECTOR).status == 200
            return bool(found.query("model:serve_latency_seconds:p99_5m > 0"))

        wait_until(answered, 40, "two scrapes of requests")
        empty = [(page.stem, query) for page in PAGES for query in queries(page) if not found.query(query)]
        assert not empty
