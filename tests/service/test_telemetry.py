"""The service sends nothing home either."""

from pathlib import Path

import pytest

from tests.helpers_network import CAN_WATCH, SILENCERS, left_behind, watched
from tests.service.helpers_serving import VECTOR, service, small_bundle


@pytest.mark.skipif(not CAN_WATCH, reason="needs Linux and cc: apt-get install gcc libc6-dev")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_asks_for_no_name_and_leaves_the_home_empty(
    workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    for name in SILENCERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in watched(tmp_path / "watch").items():
        monkeypatch.setenv(name, value)
    with service(tmp_path, bundle, "--workers", workers) as running:
        assert running.ask("POST", "/predict", VECTOR).status == 200
        assert running.ask("GET", "/metrics").status == 200
    assert left_behind(tmp_path / "watch") == []
