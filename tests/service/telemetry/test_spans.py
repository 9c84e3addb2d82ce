import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.service.helpers_serving import VECTOR, service, small_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("spans") / "bundle")


class Collector(BaseHTTPRequestHandler):
    """Keeps the spans that it is sent."""

    spans: ClassVar[list[dict[str, Any]]] = []
    resources: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        content = json.loads(self.rfile.read(int(self.headers["content-length"])))
        for each in content["resourceSpans"]:
            self.resources.append(each["resource"])
            self.spans.extend(span for scope in each["scopeSpans"] for span in scope["spans"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_collector_gets_a_span_of_each_request(bundle: Path, tmp_path: Path) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{collector.server_port}"
        with service(tmp_path, bundle, otlp_endpoint=address) as found:
            answer = found.ask("POST", "/predict", VECTOR, traceparent=f"00-{trace}-{parent}-01")
            found.ask("POST", "/predict", VECTOR, traceparent=f"00-{trace}-{parent}-00")  # not sampled
            found.ask("POST", "/predict", {"features": "x"})
            found.ask("GET", "/health/live")
        collector.shutdown()
    first, second = Collector.spans
    assert (first["traceId"], first["parentSpanId"], first["name"]) == (trace, parent, "POST /predict")
    assert answer.headers["traceparent"] == f"00-{trace}-{first['spanId']}-01"
    assert 0 <= int(first["endTimeUnixNano"]) - int(first["startTimeUnixNano"]) < 10e9
    assert {"key": "error.type", "value": {"stringValue": "wrong_type"}} in second["attributes"]
    assert "parentSpanId" not in second
    assert {"key": "service.name", "value": {"stringValue": "shops"}} in Collector.resources[0]["attributes"]


def test_a_collector_that_is_away_costs_nothing_but_spans(bundle: Path, tmp_path: Path) -> None:
    with service(tmp_path, bundle, otlp_endpoint="http://127.0.0.1:9") as found:
        assert found.ask("POST", "/predict", VECTOR).status == 200
        for _ in range(100):
            if found.metric("serve_spans_dropped_total", reason="unreachable"):
                break
            time.sleep(0.05)
        else:
            pytest.fail("no span was counted as lost")
