"""The gateways' files: each program takes its own, lets through what it shall, and has the limits of the service."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.gateways import LINES, table
from tests.graph import ROOT
from tests.helpers_tools import tool

serving = pytest.importorskip("tests.service.helpers_serving", reason="the service has been taken off")

from service.routes import endpoints  # noqa: E402
from service.settings import Settings  # noqa: E402
from tests.deploy.helpers_gateways import (  # noqa: E402
    FOLDER,
    GATEWAYS,
    ROW,
    Gateway,
    asked,
    checked,
    running,
    scoring,
    sent,
    versions,
    written,
)
from tests.service.helpers_load import get, post, run  # noqa: E402

PAGE = (ROOT / "docs/gateways.md").read_text(encoding="utf-8")
NAMES = [gateway.name for gateway in GATEWAYS]
each_gateway = pytest.mark.parametrize("gateway", GATEWAYS, ids=NAMES)


class Upstreams(NamedTuple):
    champion: Any
    challenger: Any


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstreams]:
    """Run two versions of a model."""
    folder = tmp_path_factory.mktemp("upstreams")
    bundles = [serving.small_bundle(folder / f"bundle-{part}", threshold=part / 4) for part in (2, 3)]
    with serving.service(folder / "a", bundles[0]) as first, serving.service(folder / "b", bundles[1]) as second:
        yield Upstreams(first, second)


@pytest.mark.parametrize("gateway", [gateway for gateway in GATEWAYS if gateway.check], ids=lambda each: each.name)
def test_the_files_are_valid(gateway: Gateway, tmp_path: Path) -> None:
    folder = written(gateway, tmp_path / "files", {"champion": 1, "challenger": 2}, 8000)
    said = checked(gateway, folder)
    assert "WARNING" not in said.upper().replace("0 WARNING", "")


def open_paths() -> Iterator[bytes]:
    """Yield a request for every route of the service that a gateway shall let through."""
    for _, operation in endpoints(Settings()):
        path = operation.path.format(name="shops", version="1")
        yield post(path, {}) if operation.method == "POST" else get(path)
    yield from (get(path) for path in ("/health/live", "/health/ready", "/docs", "/openapi.json"))
    yield post("/events", {"events": []})


CLOSED = ("/metrics", "/%6detrics", "/metrics/", "//metrics", "/predict/../metrics", "/v1/models/../../metrics", "/x")


@each_gateway
def test_all_routes_are_reached_but_the_metrics(gateway: Gateway, upstreams: Upstreams, tmp_path: Path) -> None:
    """An answer of the service carries the id of the request; one of a gateway that refuses has none."""
    ports = (upstreams.champion.port, upstreams.challenger.port)
    large = post("/predict", {"records": [ROW | {"shop": "x" * (4 << 20)}]})
    with running(gateway, tmp_path / "files", *ports, unlimited=False) as port:
        (score,) = run(asked(port, [scoring("one", "x-request-id: mine\r\n")]))
        reached = run(asked(port, open_paths()))
        closed = run(asked(port, [get(path) for path in CLOSED]))
        log = (tmp_path / "files/gateway.log").read_text()
        (too_large,) = run(asked(port, [large]))
        too_long = sent(port, scoring(more=f"x: {'y' * (24 << 10)}\r\n"))
    assert "ERR" not in log  # Traefik starts without what it can't read
    assert versions([score])
    assert score.headers["x-request-id"] == "mine"
    assert [answer.status for answer in reached if "x-request-id" not in answer.headers] == []
    assert {answer.status for answer in closed} <= {301, 307, 308, 400, 404}, closed
    assert too_large.status == 413
    assert too_long[9:12] in (b"400", b"431")
    assert "x-request-id" not in too_large.headers  # the service never saw it
    assert b"x-request-id" not in too_long.lower()


def test_limits_are_those_of_the_service() -> None:
    settings = Settings()
    for gateway in GATEWAYS:
        text = "".join(file.read_text(encoding="utf-8") for file in sorted((FOLDER / gateway.name).iterdir()))
        assert str(settings.max_body) in text or f"{settings.max_body >> 20}m;" in text
        limits = [float(found) for found in re.findall(r"\b(\d+)s\b", text)]
        assert max(limits) < settings.keep_alive  # nothing waits on a connection that the service has closed
        assert any(settings.request_timeout < found for found in limits)  # the service speaks first


def test_kong_has_a_form_that_its_own_tool_takes(tmp_path: Path) -> None:
    deck = tool("deck", "apt-get install deck")
    file, broken = FOLDER / "kong/kong.yml", tmp_path / "kong.yml"
    broken.write_text(file.read_text(encoding="utf-8").replace("hash_on:", "hash_an:"), encoding="utf-8")
    codes = [subprocess.run([deck, "validate", "-s", str(path)], check=False).returncode for path in (file, broken)]
    assert codes == [0, 1]


def test_the_file_that_was_not_run_says_so() -> None:
    assert (FOLDER / "kong/kong.yml").read_text(encoding="utf-8").startswith("# NOT RUN")
    assert "not run" in PAGE


def test_the_page_has_the_table_of_the_script() -> None:
    rows = re.findall(r"^\| (.+?) \|", PAGE, re.MULTILINE)
    assert set(LINES) <= set(rows)
    lines = [{"run": "split", "gateway": "nginx", "share": 10.0, "kept": [100.0, 100.0]}]
    lines += [{"run": "swap", "gateway": "nginx", "answers": {"200": 90, "503": 2}, "cut": 1, "most_ms": 7.0}]
    found = table([json.dumps(line) for line in lines])
    assert "| measured | nginx |" in found
    assert "| 10.00 |" in found
    assert "| 90 / 3 |" in found
    assert found.count("| - |") == len(LINES) - 4
