from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.helpers_serving import VECTOR, Service, service, small_bundle

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("cors") / "bundle")


@pytest.fixture(scope="module")
def running(bundle: Path) -> Iterator[Service]:
    with service(bundle.parent / "run", bundle, cors_origins=f"{SHOP} http://localhost:3000") as found:
        yield found


def test_a_page_of_a_known_origin_may_ask(running: Service) -> None:
    asked = {"origin": SHOP, "access_control_request_method": "POST", "access_control_request_headers": "content-type"}
    found = running.ask("OPTIONS", "/predict", **asked)
    assert (found.status, found.headers["access-control-allow-origin"]) == (204, SHOP)
    assert "POST" in found.headers["access-control-allow-methods"]
    assert "content-type" in found.headers["access-control-allow-headers"]
    answer = running.ask("POST", "/predict", VECTOR, origin=SHOP)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, SHOP)
    assert running.ask("POST", "/nothing", {}, origin=SHOP).headers["access-control-allow-origin"] == SHOP


def test_another_page_gets_no_leave_and_no_secret(running: Service) -> None:
    for origin in ("https://evil.example", "null", f"{SHOP}.evil.example"):
        asked = running.ask("OPTIONS", "/predict", origin=origin, access_control_request_method="POST")
        assert "access-control-allow-origin" not in asked.headers
        answer = running.ask("POST", "/predict", VECTOR, origin=origin)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "origin"


def test_without_the_setting_nothing_is_said_of_origins(bundle: Path, tmp_path: Path) -> None:
    with service(tmp_path, bundle) as found:
        assert not [name for name in found.ask("POST", "/predict", VECTOR, origin=SHOP).headers if "access" in name]
        assert found.ask("OPTIONS", "/predict", origin=SHOP, access_control_request_method="POST").status == 405
