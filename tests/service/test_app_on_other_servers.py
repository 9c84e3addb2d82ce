"""The application is plain ASGI: other servers run it, and it answers with the same bits."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.graph import ROOT
from tests.service.helpers_serving import VECTOR, Service, clean, service, small_bundle

APPLICATION = "service.app:application"
SERVERS = {
    "uvicorn": ["uvicorn", "--factory", APPLICATION, "--port", "{port}", "--log-level", "warning"],
    "granian": ["granian", "--interface", "asgi", "--factory", APPLICATION, "--port", "{port}", "--no-log"],
}
ROW = {"number": 0.25, "gaps": None, "shop": "garage"}
ASKED: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/predict", VECTOR),
    ("POST", "/predict", {"records": [ROW, ROW | {"number": 0.9}], "reasons": 2}),
    ("POST", "/predict", {"records": [ROW | {"number": n / 300} for n in range(300)]}),
    ("POST", "/invocations", {"dataframe_records": [ROW]}),
    ("POST", "/predict", {"features": ["x"]}),
    ("POST", "/predict", b"{"),
    ("GET", "/v2/models/shops", None),
    ("GET", "/health/ready", None),
    ("GET", "/openapi.json", None),
    ("GET", "/nothing", None),
    ("DELETE", "/predict", None),
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(name: str, settings: Mapping[str, str]) -> Iterator[Service]:
    """Give a client of the application on another server; `log` is that of the service."""
    port = free_port()
    command = [sys.executable, "-m", *(word.format(port=port) for word in SERVERS[name])]
    environment = clean() | {"PYTHONPATH": str(ROOT / "src")} | settings
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = Service.__new__(Service)
    found.port, found.log, found.process = port, Path(settings["SERVE_LOG"]), process
    try:
        found.find("listening", 30)
        yield found
    finally:
        process.terminate()
        process.communicate(timeout=30)


def answers(found: Service) -> list[tuple[int, bytes]]:
    for _ in range(200):  # the application is ready a moment before the server listens
        try:
            found.ask("GET", "/health/live")
            break
        except OSError:
            time.sleep(0.02)
    asked = (found.ask(method, path, body, x_request_id="same") for method, path, body in ASKED)
    return [(each.status, each.body) for each in asked]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("app") / "bundle")


@pytest.mark.parametrize("name", SERVERS)
def test_another_server_gives_the_same_bits(tmp_path: Path, bundle: Path, name: str) -> None:
    with service(tmp_path / "own", bundle) as own:
        expected = answers(own)
    settings = {"SERVE_BUNDLE": str(bundle), "SERVE_LOG": str(tmp_path / "log.jsonl")}
    with running(name, settings) as other:
        assert answers(other) == expected
        assert other.metric("serve_rows_total") == 304
        assert other.find("predict", http_request_id="same")["decision.scores"]
    assert other.lines()[-1]["event.action"] == "stopped"


def test_what_can_not_be_served_ends_another_server_in_words(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", *(word.format(port=port) for word in SERVERS["uvicorn"])]
    environment = clean() | {"PYTHONPATH": str(ROOT / "src"), "SERVE_BUNDLE": str(tmp_path / "nothing")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"{tmp_path / 'nothing'}/manifest.json: there is no bundle" in done.stderr
    assert "Traceback" not in done.stderr
