"""What a client sees, whatever the protocol."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.helpers_serving import VECTOR, Service, service, small_bundle

KEYS = {"Authorization": "Bearer s3cret"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("app") / "bundle")


@pytest.fixture(scope="module")
def running(bundle: Path) -> Iterator[Service]:
    limits = {"max_body": "20000", "max_rows": "50", "log_values": "1", "health_route": "/azure/ready"}
    with service(bundle.parent / "run", bundle, **limits) as found:
        yield found


def test_the_tutorial_s_request_gets_the_tutorial_s_answer(running: Service) -> None:
    found = running.ask("POST", "/predict", VECTOR)
    assert found.status == 200
    assert set(found.json) == {"prediction", "probability"}


@pytest.mark.parametrize(
    ("asked", "body", "headers", "status", "kind"),
    [
        ("GET /nothing", None, {}, 404, "unknown_path"),
        ("GET /predict", None, {}, 405, "wrong_method"),
        ("POST /metrics", {}, {}, 405, "wrong_method"),
        ("POST /predict", b"a=1", {"content_type": "application/x-www-form-urlencoded"}, 415, "wrong_content_type"),
        ("POST /predict", VECTOR, {"content_encoding": "br"}, 415, "wrong_encoding"),
        ("POST /predict", VECTOR, {"content_encoding": "gzip"}, 400, "broken_body"),
        ("POST /predict", b"{", {"content_type": "application/json"}, 400, "malformed_json"),
        ("POST /predict", {"features": [1]}, {}, 422, "wrong_width"),
        ("POST /predict", b"x" * 20001, {}, 413, "body_too_large"),
        ("POST /predict", {"records": [{"number": 1.0, "gaps": None, "shop": "x"}] * 51}, {}, 413, "too_many_rows"),
        ("GET /v2/models/other", None, {}, 404, "unknown_model"),
    ],
)
def test_every_refusal_says_why_in_the_same_form(
    running: Service, asked: str, body: object, headers: dict[str, str], status: int, kind: str
) -> None:
    before = running.metric("serve_errors_total", kind=kind)
    found = running.ask(*asked.split(), body, **headers, x_request_id="r-7")
    assert (found.status, found.headers["content-type"]) == (status, "application/json")
    assert found.json["error"]
    assert {"kind": kind, "request_id": "r-7"}.items() <= found.json.items()
    assert set(found.json) <= {"error", "kind", "field", "request_id"}
    assert running.metric("serve_errors_total", kind=kind) == before + 1


def test_a_wrong_method_is_told_the_right_one(running: Service) -> None:
    assert running.ask("PUT", "/predict", {}).headers["allow"] == "POST"


def test_head_is_answered_as_get_without_its_body(running: Service) -> None:
    get, head = running.ask("GET", "/openapi.json"), running.ask("HEAD", "/openapi.json")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(get.body)) != "0"


def test_a_compressed_body_is_read(running: Service) -> None:
    plain = running.ask("POST", "/predict", VECTOR)
    packed = gzip.compress(json.dumps(VECTOR).encode())
    found = running.ask("POST", "/predict", packed, content_type="application/json", content_encoding="gzip")
    assert found.body == plain.body
    bomb = gzip.compress(b" " * 20001)
    found = running.ask("POST", "/predict", bomb, content_type="application/json", content_encoding="gzip")
    assert found.status == 413


def test_a_request_keeps_its_id_and_its_trace(running: Service) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    found = running.ask("POST", "/predict", VECTOR, x_request_id="r-8", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert found.headers["x-request-id"] == "r-8"
    line = running.find("predict", http_request_id="r-8")
    assert found.headers["traceparent"] == f"00-{trace}-{line['span.id']}-01"
    assert (line["trace.id"], line["parent.id"]) == (trace, "b7ad6b7169203331")
    assert line["decision.features"] == [{"number": 0.5, "gaps": 12.0, "shop": "bakery"}]


def test_the_log_has_the_decision_and_metrics_count_it(running: Service) -> None:
    before = running.metric("serve_decisions_total")
    rows = [{"number": n / 40, "gaps": None, "shop": "garage"} for n in range(40)]
    found = running.ask("POST", "/predict", {"records": rows}, x_request_id="many").json
    line = running.find("predict", http_request_id="many")
    assert line["decision.scores"] == [row["score"] for row in found["predictions"]]
    assert line["decision.alerts"] == [bool(row["prediction"]) for row in found["predictions"]]
    assert (line["service.version"], line["decision.threshold"]) == (found["version"], found["threshold"])
    assert running.metric("serve_decisions_total") == before + 40
    assert running.metric("serve_feature_nulls_total", feature="gaps") >= 40


def test_many_rows_get_what_each_gets_alone(running: Service) -> None:
    rows = [{"number": n / 50, "gaps": n * 3.0, "shop": "bakery"} for n in range(50)]
    together = running.ask("POST", "/predict", {"records": rows}).json["predictions"]
    alone = [running.ask("POST", "/predict", {"records": [row]}).json["predictions"][0] for row in rows[:5]]
    assert together[:5] == alone


def test_reasons_are_given_when_asked_for(running: Service) -> None:
    rows = [{"number": 0.9, "gaps": 12.0, "shop": "bakery"}]
    found = running.ask("POST", "/predict", {"records": rows, "reasons": 2}).json
    assert len(found["predictions"][0]["reasons"]) <= 2
    assert "reasons" in found["predictions"][0]


def test_platforms_ask_for_health_at_paths_of_their_own(running: Service) -> None:
    for path in ("/health/live", "/health/ready", "/azure/ready", "/ping", "/v2/health/ready"):
        assert running.ask("GET", path).status == 200, path
    assert running.ask("GET", "/health/ready").json["model"] == "shops"


@pytest.mark.parametrize("route", ["/health/live", "/", "/ping"])
def test_a_platform_may_choose_a_path_that_answers_already(bundle: Path, tmp_path: Path, route: str) -> None:
    with service(tmp_path, bundle, health_route=route, linger_seconds="2") as running:
        assert running.ask("GET", "/health/live").json == {"alive": True}
        assert running.ask("GET", "/").json == {"status": "alive"}
        assert list(running.ask("GET", "/openapi.json").json["paths"]).count(route) == 1


def test_health_leaves_no_line_in_the_log_unless_it_fails(running: Service) -> None:
    running.ask("GET", "/health/live", x_request_id="healthy")
    running.ask("POST", "/health/live", {}, x_request_id="ill")
    running.find("predict", http_request_id="ill")
    assert not [line for line in running.lines() if line.get("http.request.id") == "healthy"]


def test_the_page_and_the_document_are_served(running: Service) -> None:
    assert running.ask("GET", "/docs").headers["content-type"].startswith("text/html")
    assert running.ask("GET", "/openapi.json").json["info"]["version"] == running.ask("GET", "/version").body.decode()


def test_without_a_history_events_are_refused_in_words(running: Service) -> None:
    found = running.ask("POST", "/events", {"events": [{"sale": 1}]})
    assert (found.status, found.json["kind"]) in {(422, "no_history"), (422, "no_store")}
    assert running.ask("POST", "/events", {"events": {}}).status == 422
    assert running.ask("POST", "/events", {"events": []}).json["kind"] == "no_rows"


def test_keys_are_asked_for_everywhere_but_for_health_and_the_documentation(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"shop:{hashlib.sha256(b's3cret').hexdigest()}\n")
    with service(tmp_path, bundle, api_keys=str(tmp_path / "keys")) as running:
        found = running.ask("POST", "/predict", VECTOR)
        assert (found.status, found.json["kind"]) == (401, "unauthorized")
        assert found.headers["www-authenticate"].startswith("Bearer")
        assert running.ask("GET", "/metrics").status == 401
        assert running.ask("GET", "/docs").status == running.ask("GET", "/openapi.json").status == 200
        assert running.ask("GET", "/health/ready").status == running.ask("GET", "/ping").status == 200
        assert running.ask("POST", "/predict", VECTOR, **KEYS, x_request_id="known").status == 200
        assert running.find("predict", http_request_id="known")["user.name"] == "shop"
        assert "s3cret" not in running.log.read_text()


def test_the_model_has_the_name_that_it_is_given(bundle: Path, tmp_path: Path) -> None:
    with service(tmp_path, bundle, model_name="other") as running:
        assert running.ask("GET", "/v2/models/other").status == 200
        assert running.ask("GET", "/v2/models/shops").status == 404
        assert running.metric("serve_model_info", name="other") == 1
