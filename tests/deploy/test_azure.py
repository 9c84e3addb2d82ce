"""deploy/azure: valid by Microsoft's own schema, which needs no network, and true to what the service does."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings, load_settings
from tests.graph import ROOT
from tests.helpers_tools import environment

AZURE = ROOT / "deploy/azure"
LOCK = ROOT / "tests/deploy/azure.lock"
CONTENT: dict[str, Any] = yaml.safe_load((AZURE / "deployment.yml").read_text(encoding="utf-8"))
MOUNTED = "/var/azureml-app/azureml-models"  # where Azure mounts a model, under its name and version


def read(endpoint: Path, deployment: Path) -> dict[str, Any]:
    """Return what Microsoft's library makes of the two files."""
    script = ROOT / "tests/deploy/azure_files.py"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [environment(LOCK), script, endpoint, deployment]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=inherited)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_its_routes_and_settings_are_those_of_the_service() -> None:
    routes = CONTENT["environment"]["inference_config"]
    assert {kind: route["path"] for kind, route in routes.items()} == {
        "liveness_route": "/health/live", "readiness_route": "/health/ready", "scoring_route": "/score",
    }  # fmt: skip
    settings = load_settings(CONTENT["environment_variables"])
    assert {route["port"] for route in routes.values()} == {settings.port}
    model = CONTENT["model"]
    assert (AZURE / model["path"]).resolve() == ROOT / "models/bundle"
    assert str(settings.bundle) == f"{MOUNTED}/{model['name']}/{model['version']}/bundle"
    assert CONTENT["request_settings"]["request_timeout_ms"] == 1000 * Settings().request_timeout


def test_the_deployment_belongs_to_the_endpoint() -> None:
    endpoint = yaml.safe_load((AZURE / "endpoint.yml").read_text(encoding="utf-8"))
    assert CONTENT["endpoint_name"] == endpoint["name"]


@pytest.mark.nightly
def test_microsofts_library_takes_the_files_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    found = read(AZURE / "endpoint.yml", AZURE / "deployment.yml")
    assert found["endpoint"] == CONTENT["endpoint_name"]
    assert found["deployment"]["environment"]["inference_config"] == CONTENT["environment"]["inference_config"]
    for name, value in (("instance_count", "many"), ("instances", 2), ("liveness_probe", {"period": "often"})):
        wrong = tmp_path / "deployment.yml"
        wrong.write_text(yaml.safe_dump(CONTENT | {name: value}), encoding="utf-8")
        assert "refused" in read(AZURE / "endpoint.yml", wrong), name
