"""The lower bounds of what the service needs are versions that it was run with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import run
from tests.graph import ROOT
from tests.service.helpers_serving import VECTOR, Service, clean, small_bundle

LOWEST = "uv pip compile --resolution lowest-direct --python-version 3.11 --no-header --no-annotate --quiet"


@pytest.mark.slow
def test_the_service_runs_with_the_lowest_versions_that_it_allows(tmp_path: Path) -> None:
    run(f"{LOWEST} --group {ROOT}/pyproject.toml:serve -o lowest.txt", tmp_path)
    bounds = dict(re.findall(r'^    "([\w-]+)>=([\d.]+)', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    found = dict(re.findall(r"^([\w-]+)==([\d.]+)", (tmp_path / "lowest.txt").read_text(), re.MULTILINE))
    assert found["httptools"].startswith(bounds["httptools"])
    run(
        f"uv venv --quiet --python {sys.executable} made && uv pip sync --quiet --python made/bin/python lowest.txt",
        tmp_path,
    )
    bundle = small_bundle(tmp_path / "bundle")
    settings = {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0", "SERVE_LOG": str(tmp_path / "log.jsonl")}
    service = Service.__new__(Service)
    service.log = tmp_path / "log.jsonl"
    command = [str(tmp_path / "made/bin/python"), str(ROOT / "src/mlops.py"), "serve"]
    service.process = subprocess.Popen(
        command, env=clean() | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=os.sep
    )
    try:
        service.wait(60)
        assert service.ask("POST", "/predict", VECTOR).status == 200
        for path in ("/metrics", "/openapi.json", "/docs", "/v2"):
            assert service.ask("GET", path).status == 200, path
        assert service.ask("POST", "/predict", VECTOR, connection="close").headers["connection"] == "close"
        assert service.end() == 0
    finally:
        service.process.kill()
        service.process.communicate()
