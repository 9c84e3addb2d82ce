"""What can't be run is held against types and parsers that its makers publish."""

import json
import re
from typing import Any

import pytest

from tests.deploy.helpers_logging import LOGGING
from tests.deploy.helpers_schemas import answered, faults, needs_npm

pytestmark = [pytest.mark.nightly, needs_npm]
ELASTIC = "import type {estypes} from '@elastic/elasticsearch';"
LINE = {
    "@timestamp": "2026-11-29T22:59:29.224004Z", "log.level": "info", "message": "1 scored", "event.action": "predict",
    "event.outcome": "success", "event.duration": 797004, "http.request.id": "717b2c7500000001",
    "http.request.method": "POST", "http.response.status_code": 200, "url.path": "/predict", "user.name": "shop",
    "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736", "span.id": "717b2c7500000002", "service.version": "bc7349e2a9e1",
    "error.type": "not_a_number", "error.stack_trace": "Traceback", "labels.feature": "amount", "server.port": 8080,
    "log.logger": "asyncio", "ecs.version": "9.4.0", "service.name": "shops", "service.node.name": "0",
}  # fmt: skip
OWN = re.compile(r"decision\.|events\.|parent\.id$")  # the rest of the fields are ECS's
ALLOY = (LOGGING / "loki/config.alloy").read_text(encoding="utf-8")
EXTRACTED = {name: json.loads(f'"{text}"') for name, text in re.findall(r'(\w+) += "(\\"[^ ]+\\")"', ALLOY)}
EVALUATE = """
import jmespath from 'jmespath';
const found = Object.entries(given.expressions).map(([name, text]) => [name, jmespath.search(given.line, text)]);
console.log(JSON.stringify(Object.fromEntries(found)));
"""
PARSE = """
import {parser} from '@grafana/lezer-logql';
const broken = (text) => {
  let found = false;
  parser.parse(text).iterate({enter: (node) => { found = found || node.type.isError; }});
  return found;
};
console.log(JSON.stringify(given.filter(broken)));
"""


def nested(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line with objects for names with dots."""
    found: dict[str, Any] = {}
    for name, value in line.items():
        *path, last = name.split(".")
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def test_the_fields_are_those_of_the_elastic_common_schema() -> None:
    template = json.loads((LOGGING / "elastic/index-template.json").read_text(encoding="utf-8"))
    ours = {name for name in template["template"]["mappings"]["properties"] if not OWN.match(name)}
    assert ours - set(LINE) == {"event.dataset", "event.ingested"}
    line = LINE | {"event.dataset": "mlops.decisions", "event.ingested": LINE["@timestamp"]}
    imported = "import type {Ecs} from '@elastic/ecs';"
    assert faults(imported, "Ecs", nested(line)) == ""
    assert "outcom" in faults(imported, "Ecs", nested(line | {"event.outcom": "x"}))
    assert "not assignable" in faults(imported, "Ecs", nested(line | {"http.response.status_code": "200"}))


@pytest.mark.parametrize(
    ("file", "kind"),
    [("index-template", "IndicesPutIndexTemplateRequest"), ("ingest-pipeline", "IngestPutPipelineRequest")],
)
def test_elasticsearch_would_take_the_files(file: str, kind: str) -> None:
    content = json.loads((LOGGING / f"elastic/{file}.json").read_text(encoding="utf-8"))
    kind = f"Words<Omit<estypes.{kind}, 'name' | 'id'>>"
    assert faults(ELASTIC, kind, content) == ""
    assert "unknown" in faults(ELASTIC, kind, content | {"unknown": 1})


def test_elasticsearch_knows_each_type_of_the_mapping() -> None:
    content = json.loads((LOGGING / "elastic/index-template.json").read_text(encoding="utf-8"))
    mappings = content["template"]["mappings"]
    assert faults(ELASTIC, "Words<estypes.MappingTypeMapping>", mappings) == ""
    wrong = {"properties": mappings["properties"] | {"user.name": {"type": "keyworth"}}}
    assert "keyworth" in faults(ELASTIC, "Words<estypes.MappingTypeMapping>", wrong)


def test_alloy_s_expressions_find_what_a_line_holds() -> None:
    found = answered(EVALUATE, {"expressions": EXTRACTED, "line": LINE})
    assert found == {
        "written": LINE["@timestamp"], "level": "info", "action": "predict", "service": "shops",
        "version": "bc7349e2a9e1", "request_id": LINE["http.request.id"], "trace_id": LINE["trace.id"],
    }  # fmt: skip
    for block in ("labels", "structured_metadata"):
        (values,) = re.findall(rf"stage\.{block} {{\s+values = {{(.*)}}", ALLOY)
        assert set(re.findall(r"(\w+) = ", values)) <= set(EXTRACTED)


def test_the_queries_are_logql() -> None:
    text = (LOGGING / "loki/queries.logql").read_text(encoding="utf-8")
    queries = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(queries) == 6
    assert answered(PARSE, [*queries, "{job=} | jsn"]) == ["{job=} | jsn"]
