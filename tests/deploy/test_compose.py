"""deploy/compose.yaml: valid, with few rights, and all that it names is there; its parts start by its own commands."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings, load_settings
from tests.deploy.helpers_alerting import DEPLOY, free_port, needs_prometheus, tool, wait_until
from tests.helpers_tools import tool as real_tool
from tests.test_workflows import tool as locked_tool

FILE = DEPLOY / "compose.yaml"
CONTENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = CONTENT["services"]
EACH = pytest.mark.parametrize("name", SERVICES)
# The one image that is built here; its health check and its user stand in deploy/docker/Dockerfile.
OWN = "model"
PORTS = {"model": 8080, "redis": 6379, "gateway": 8000, "pushgateway": 9091, "prometheus": 9090, "alertmanager": 9093,
         "grafana": 3000}  # fmt: skip


def mounts(name: str) -> Iterator[tuple[str, str, bool]]:
    """Yield source, target and whether it may be written to, of what a service mounts."""
    for entry in SERVICES[name].get("volumes", []):
        source, target, *mode = re.sub(r"\$\{[^}]+\}", "/given", entry).split(":")
        yield source, target, mode != ["ro"]


def test_it_is_what_the_compose_specification_says(tmp_path: Path) -> None:
    command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert locked_tool(command, str(FILE))[0] == 0
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("read_only:", "readonly:"), encoding="utf-8")
    assert locked_tool(command, str(wrong))[0] != 0


def compose() -> list[str]:
    """Return the command of the real Compose: a plugin of Docker, or a program of its own."""
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ["docker", "compose"]
    return [real_tool("docker-compose", "apt-get install docker-compose")]


def test_compose_reads_it_and_asks_for_what_it_must_be_given() -> None:
    given = {"MODEL_IMAGE": "model-service:1", "ALERT_KEYS": "/keys", "GRAFANA_PASSWORD": "/password"}
    command = [*compose(), "--file", str(FILE), "config"]
    done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)
    for name in given:
        others = {key: value for key, value in given.items() if key != name}
        done = subprocess.run(command, env=os.environ | others, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert f"{name} is missing a value" in done.stderr


@EACH
def test_a_service_has_few_rights_and_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "restart", "logging"} <= set(service)
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)


@EACH
def test_a_service_has_an_exact_image_and_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if name == OWN:
        assert "HEALTHCHECK" in (DEPLOY / "docker/Dockerfile").read_text(encoding="utf-8")
        return
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-\w+)?(@sha256:[0-9a-f]{64})?", service["image"])
    probe = service["healthcheck"]["test"]
    assert probe[0] == "CMD"
    assert name == "redis" or f"127.0.0.1:{PORTS[name]}/" in probe[-1]


@EACH
def test_what_a_service_names_is_there(name: str) -> None:
    service = SERVICES[name]
    for source, _, writable in mounts(name):
        if source.startswith("./"):
            assert (DEPLOY / source).exists()
        assert not writable or source in CONTENT["volumes"]
    for other, condition in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert condition == {"condition": "service_healthy"}
    assert set(service["networks"]) <= set(CONTENT["networks"])
    assert set(service.get("secrets", [])) <= set(CONTENT["secrets"])


def test_nothing_that_is_declared_is_unused() -> None:
    used = {source for name in SERVICES for source, _, writable in mounts(name) if writable}
    assert used == set(CONTENT["volumes"])
    assert {network for service in SERVICES.values() for network in service["networks"]} == set(CONTENT["networks"])


def test_the_model_and_its_history_have_no_way_out_and_no_port() -> None:
    for name in ("model", "redis"):
        assert list(SERVICES[name]["networks"]) == ["inside"]
        assert "ports" not in SERVICES[name]
    assert CONTENT["networks"]["inside"]["internal"] is True


@EACH
def test_a_port_is_open_on_this_machine_only(name: str) -> None:
    port = PORTS[name]
    assert SERVICES[name].get("ports", []) in ([], [f"127.0.0.1:{port}:{port}"])


def test_the_service_knows_its_settings_and_is_given_the_time_to_end() -> None:
    settings = load_settings(SERVICES[OWN]["environment"])
    assert settings.store == f"redis://redis:{PORTS['redis']}/0"
    places = {target for _, target, writable in mounts(OWN) if writable}
    assert str(Path(settings.log).parent) in places
    grace = float(SERVICES[OWN]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().linger_seconds + Settings().drain_seconds


def test_every_address_in_the_targets_is_a_service_on_a_common_network() -> None:
    files = {file.name: file for file in (DEPLOY / "compose/targets").iterdir()}
    assert set(files) == {file.name for file in (DEPLOY / "prometheus/targets").iterdir()}
    for file in files.values():
        for group in yaml.safe_load(file.read_text(encoding="utf-8")):
            for target in group["targets"]:
                host, port = target.split(":")
                assert int(port) == PORTS[host]
                assert set(SERVICES[host]["networks"]) & set(SERVICES["prometheus"]["networks"])


def test_the_gateway_finds_every_upstream() -> None:
    names = {OWN, *SERVICES[OWN]["networks"]["inside"]["aliases"]}
    text = (DEPLOY / "gateways/nginx/nginx.conf").read_text(encoding="utf-8")
    assert {*re.findall(r"^\s*server ([\w-]+):8080", text, re.MULTILINE)} <= names
    assert f"listen {PORTS['gateway']};" in text


def placed(name: str, root: Path) -> Path:
    """Lay out in a folder what a container finds mounted."""
    for source, target, _ in mounts(name):
        if source.startswith("./"):
            place = root / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (DEPLOY / source).is_dir() else shutil.copy)(DEPLOY / source, place)
    return root


@needs_prometheus
def test_prometheus_and_alertmanager_read_what_is_mounted(tmp_path: Path) -> None:
    root = placed("alertmanager", placed("prometheus", tmp_path))
    assert "SUCCESS" in tool("promtool", "check", "config", root / "etc/prometheus/prometheus.yml")
    assert "SUCCESS" in tool("amtool", "check-config", root / "etc/alertmanager/alertmanager.yml")


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt-get install redis-server")
def test_redis_starts_by_its_command(tmp_path: Path) -> None:
    port, command = free_port(), SERVICES["redis"]["command"]
    running = subprocess.Popen([*command, "--port", str(port), "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)

    def answer(*question: str) -> str:
        ask = ["redis-cli", "-p", str(port), *question]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()

    try:
        wait_until(lambda: answer("ping") == "PONG", 10, "redis answers")
        assert answer("config", "get", "appendfsync").split() == ["appendfsync", "always"]
    finally:
        running.terminate()
        running.wait(10)
