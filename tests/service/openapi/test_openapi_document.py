import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lifecycle.bundle.servable import Servable
from service.inputs.value_checks import checker
from service.openapi import model_schemas
from service.routes import endpoints
from service.settings import Settings
from tests.graph import ROOT
from tests.helpers_task_bundles import task_bundle
from tests.service.helpers_protocols import described, history_bundle
from tests.service.helpers_serving import Service, service, small_bundle

OWN = {"/events", "/metrics", "/openapi.json", "/docs", "/health/live", "/health/ready"}
MEMORY = Settings(store="memory")
KEY = "k" * 32


@pytest.fixture(scope="module")
def payments(tmp_path_factory) -> Servable:
    return history_bundle(tmp_path_factory.mktemp("payments") / "bundle")


@pytest.fixture(scope="module")
def shops(tmp_path_factory) -> Servable:
    return Servable.load(small_bundle(tmp_path_factory.mktemp("shops") / "bundle"))


def read(servable: Servable, settings: Settings = MEMORY) -> dict[str, Any]:
    return json.loads(described(servable, settings))


def validator(found: dict[str, Any], path: str) -> Draft202012Validator:
    """Return what holds a body in JSON against what is said of a path."""
    content = found["paths"][path]["post"]["requestBody"]["content"]
    return Draft202012Validator(content["application/json"]["schema"] | {"components": found["components"]})


def examples(found: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return path, method and body of all examples, and of what has none."""
    listed = []
    for path, methods in found["paths"].items():
        real = path.replace("{name}", found["info"]["title"]).replace("{version}", found["info"]["version"])
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            bodies = [each["value"] for each in content.get("examples", {}).values()]
            listed += [(real, method.upper(), body) for body in bodies or [None]]
    return listed


def test_every_route_is_described_and_nothing_else(payments):
    shown = {(path, method) for path, methods in read(payments)["paths"].items() for method in methods}
    routes = {(each.path, each.method.lower()) for _, each in endpoints(Settings())}
    assert shown - {(path, method) for path, method in shown if path in OWN} == routes
    assert {path for path, _ in shown if path in OWN} == OWN


def test_routes_and_limits_are_those_of_the_settings(payments):
    settings = Settings(store="memory", predict_route="/p", health_route="/h", max_rows=7, api_keys="keys")
    found = read(payments, settings)
    assert {"/p", "/h"} <= found["paths"].keys()
    assert "/vertex/predict" not in found["paths"]
    rows = found["components"]["schemas"]["Rows"]["anyOf"]
    assert {each["maxItems"] for each in rows} == {7}
    assert found["paths"]["/p"]["post"]["security"] == [{"bearer": []}, {"key": []}]
    assert "401" in found["paths"]["/p"]["post"]["responses"]
    assert "security" not in found["paths"]["/h"]["get"]
    assert "securitySchemes" not in read(payments)["components"]


def test_transactions_and_events_are_only_offered_where_they_are_taken(payments, shops):
    assert "/events" not in read(payments, Settings())["paths"]
    assert "Transaction" not in read(payments, Settings())["components"]["schemas"]
    assert {"Transaction", "Label", "Events"} <= read(payments)["components"]["schemas"].keys()
    assert "/events" not in read(shops)["paths"]  # no feature needs history
    assert "Transaction" in read(shops, Settings())["components"]["schemas"]


def test_fields_are_those_of_the_model(payments, shops):
    schemas = read(payments)["components"]["schemas"]
    assert list(schemas["Features"]["properties"]) == list(payments.features)
    assert [each["title"] for each in schemas["Vector"]["prefixItems"]] == list(payments.features)
    assert (
        "days since the newest record" in schemas["Features"]["properties"]["customer_since_large_10d"]["description"]
    )
    assert schemas["Transaction"]["properties"]["amount"]["maximum"] == 1_000_000
    assert "region" not in schemas["Transaction"]["required"]
    properties = read(shops)["components"]["schemas"]["Features"]["properties"]
    assert [properties[name]["type"] for name in ("number", "gaps", "shop")] == ["number", ["number", "null"], "string"]


def test_schemas_say_what_is_wrong(payments):
    found = read(payments)
    predict = validator(found, "/predict")
    vector = [1.0] * len(payments.features)
    assert predict.is_valid({"features": vector})
    assert not predict.is_valid({"features": vector[1:]})
    assert not predict.is_valid({"features": [*vector[1:], None]})
    assert not predict.is_valid({"features": vector, "more": 1})
    events = validator(found, "/events")
    label = {"transaction_id": 1, "is_fraud": 1}
    assert events.is_valid({"events": [{"label": label}]})
    assert not events.is_valid({"events": [{"label": {"transaction_id": 1}}]})


@pytest.mark.parametrize("model", ["payments", "shops"])
def test_examples_fit_their_schemas(model, request):
    found = read(request.getfixturevalue(model))
    for path, methods in found["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            for each in content["examples"].values():
                assert [error.message for error in validator(found, path).iter_errors(each["value"])] == [], path


def test_references_lead_somewhere(payments):
    found = described(payments, MEMORY).decode()
    parts = json.loads(found)["components"]
    for kind, name in re.findall(r'"#/components/(\w+)/(\w+)"', found):
        assert name in parts[kind]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["payments", "shops"])
def test_examples_really_score(model, request, tmp_path):
    servable = request.getfixturevalue(model)
    with service(tmp_path, servable.folder, store="memory") as running:
        found = running.ask("GET", "/openapi.json").json
        for path, method, body in examples(found):
            answer = running.ask(method, path, body)
            assert answer.status == 200, (path, body, answer.body)


def fuzz(described: Service | Path, folder: Path, *arguments: str, config: str = "") -> str:
    (folder / "fuzz.toml").write_text((ROOT / "tests/service/schemathesis.toml").read_text() + config)
    place = described if isinstance(described, Path) else f"http://127.0.0.1:{described.port}/openapi.json"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "fuzz.toml", "run", place]
    options = ["--checks=all", "--phases=examples,coverage,fuzzing", "--max-examples=8", "--seed=1", *arguments]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.nightly
def test_requests_made_from_the_document_find_nothing(payments, tmp_path):
    """Times in the future are refused on events; this service is told to wait for none."""
    with service(tmp_path, payments.folder, store="memory", max_ahead="1e12", max_wait_ms="10000") as running:
        assert re.search(r"(\d{4,}) generated, \1 passed", fuzz(running, tmp_path))


@pytest.mark.nightly
def test_nor_do_they_with_text_and_gaps(shops, tmp_path):
    with service(tmp_path, shops.folder, max_wait_ms="10000") as running:
        assert re.search(r"(\d{4,}) generated, \1 passed", fuzz(running, tmp_path))


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_nor_do_they_of_other_kinds_of_target(task, tmp_path):
    with service(tmp_path, task_bundle(tmp_path / "bundle", task).folder, max_wait_ms="10000") as running:
        assert re.search(r"(\d{4,}) generated, \1 passed", fuzz(running, tmp_path))


@pytest.mark.nightly
def test_nor_do_they_with_keys(shops, tmp_path):
    """The fuzzer finds out what happens without the key, too."""
    (tmp_path / "keys").write_text(f"tester:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    with service(tmp_path, shops.folder, api_keys=str(tmp_path / "keys"), max_wait_ms="10000") as running:
        (tmp_path / "openapi.json").write_bytes(running.ask("GET", "/openapi.json").body)
        options = [f"--url=http://127.0.0.1:{running.port}", "--phases=fuzzing", "--max-examples=4"]
        key = f'\n[auth.openapi.key]\napi_key = "{KEY}"\n'
        said = fuzz(tmp_path / "openapi.json", tmp_path, *options, config=key)
        assert re.search(r"(\d{3,}) generated, \1 passed", said)


@pytest.mark.parametrize("unit", ["d", "s", "ms", "us", "ns"])
def test_a_time_that_is_a_number_is_described_as_the_service_takes_it(unit):
    about = {"name": "seen", "type": "timestamp", "unit": "last seen", "since_1970": unit, "ge": "2000-01-01"}
    found, taken = model_schemas.column(about, nullable=False), checker(about)
    step = found.get("multipleOf", 1)
    assert (found["type"], found["description"]) == ("integer", f"last seen; {unit} since 1970")
    assert taken(found["minimum"]) == 946_684_800_000_000
    last = found["maximum"] // step * step
    assert taken(last) > 9_214_559_000_000_000
    for beyond in (found["minimum"] - step, last + step):
        with pytest.raises(ValueError, match=r"is below 2000-01-01|is not between the years"):
            taken(beyond)
