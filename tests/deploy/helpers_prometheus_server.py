"""A real Prometheus on loopback that scrapes what a test names."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

MISSING = shutil.which("prometheus") is None
needs_prometheus = pytest.mark.skipif(MISSING, reason="needs Prometheus: apt-get install prometheus")


class Prometheus:
    """What answers queries."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; a query that Prometheus refuses fails the test with its words."""
        try:
            with urllib.request.urlopen(
                f"{self._address}{path}?{urllib.parse.urlencode(parameters)}", timeout=10
            ) as got:
                return json.load(got)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression has at this moment."""
        return self.get("/api/v1/query", query=expression)["result"]

    def values(self, label: str, selector: str) -> list[str]:
        """Return the values of a label in some series."""
        return self.get(f"/api/v1/label/{label}/values", **{"match[]": selector})

    def ready(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self._address}/-/ready", timeout=1).status == 200
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, Sequence[int]]) -> Iterator[Prometheus]:
    """Start Prometheus, which scrapes some ports of loopback each second, and wait until it answers."""
    scraped = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
        for job, ports in jobs.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    content = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scraped}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        command = ["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        server, end = Prometheus(port), time.monotonic() + 30
        while not server.ready():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(20)
