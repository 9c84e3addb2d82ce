"""Prometheus and Alertmanager that run for a test, on loopback, with the files of deploy/."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.graph import ROOT

DEPLOY = ROOT / "deploy"
KEYS = "/etc/alertmanager/keys"
BINARIES = ("prometheus", "promtool", "alertmanager", "amtool")
# Debian gives Alertmanager a name of its own; upstream's archive has the plain one.
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
missing = ALERTMANAGER is None or not all(shutil.which(name) for name in BINARIES if name != "alertmanager")
needs_prometheus = pytest.mark.skipif(missing, reason="apt-get install prometheus prometheus-alertmanager")


def tool(*command: str | Path, fails: bool = False) -> str:
    """Run promtool or amtool; its success is checked unless it is meant to fail."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    """Return all rules, recording ones too, each with the name of its file."""
    files = sorted((DEPLOY / "prometheus/rules").glob("*.yml"))
    groups = [(file, group) for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule | {"file": file.stem} for file, group in groups for rule in group["rules"]]


def alerts() -> dict[str, list[dict[str, Any]]]:
    """Return the alert rules by name; one name may stand for two severities."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in rules():
        if "alert" in rule:
            found.setdefault(rule["alert"], []).append(rule)
    return found


def severities(name: str) -> set[str]:
    """Return what an alert's label `severity` can be: alarms of the monitor have it from what is to be done."""
    return {word for rule in alerts()[name] for word in ("page", "ticket") if word in rule["labels"]["severity"]}


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def get(url: str) -> Any:
    """Return the JSON, or the text, that an address answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith(("{", "[")) else text


def wait_until(true: Any, seconds: float, what: str) -> Any:
    """Ask until the answer is true; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@contextmanager
def running(command: list[str], url: str) -> Iterator[str]:
    """Run a server until the block ends; wait until it says that it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ready() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return bool(get(f"{url}/-/ready"))
        except (OSError, urllib.error.URLError):
            return False

    try:
        wait_until(ready, 30, f"{command[0]} is ready")
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=20)


class Prometheus:
    """A running Prometheus, by its address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an expression; a wrong one raises HTTPError 400."""
        return get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")["data"]["result"]

    def scraped(self) -> bool:
        """Tell whether the monitor has been read and Alertmanager is known: addresses in files take some seconds."""
        known = get(f"{self.url}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        return bool(known and self.query('up{job="ml-monitor"} == 1'))

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {each["labels"]["alertname"] for each in get(f"{self.url}/api/v1/alerts")["data"]["alerts"]
                if each["state"] == "firing"}  # fmt: skip


@contextmanager
def prometheus(folder: Path, ports: Mapping[str, int]) -> Iterator[Prometheus]:
    """Run Prometheus with the files as they are, but for the addresses in targets/."""
    shutil.copytree(DEPLOY / "prometheus", folder)
    for job, port in ports.items():
        file = folder / f"targets/{job}.yml"
        (group,) = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump([group | {"targets": [f"127.0.0.1:{port}"]}]))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with running([*command, f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}") as url:
        found = Prometheus(url)
        wait_until(found.scraped, 30, "Prometheus has read the monitor")
        yield found


@contextmanager
def alertmanager(folder: Path, receivers: int, smtp: int, **route: str) -> Iterator[int]:
    """Run Alertmanager with the files as they are, but for addresses, where keys lie, and what `route` says."""
    shutil.copytree(DEPLOY / "alertmanager", folder)
    keys = folder / "keys"
    keys.mkdir()
    for name in ("webhook", "pagerduty", "opsgenie", "smtp"):
        (keys / name).write_text(f"key-of-{name}")
    (keys / "slack").write_text(f"http://127.0.0.1:{receivers}/slack")
    file = folder / "alertmanager.yml"
    text = file.read_text().replace(KEYS, str(keys)).replace("127.0.0.1:9000", f"127.0.0.1:{receivers}")
    config = yaml.safe_load(text)
    config["route"] |= route
    config["global"] |= {
        "pagerduty_url": f"http://127.0.0.1:{receivers}/v2/enqueue",
        "opsgenie_api_url": f"http://127.0.0.1:{receivers}/",
        "smtp_smarthost": f"127.0.0.1:{smtp}",
        "smtp_require_tls": False,
    }
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    port = free_port()
    options = [f"--config.file={file}", f"--storage.path={folder}/data", "--cluster.listen-address="]
    command = [str(ALERTMANAGER), *options, f"--web.listen-address=127.0.0.1:{port}"]
    with running(command, f"http://127.0.0.1:{port}"):
        yield port


def post_alerts(port: int, *labels: Mapping[str, str], over: bool = False) -> None:
    """Tell Alertmanager of alerts as Prometheus does, or that they are over."""
    annotations = {"summary": "a test", "description": "Nothing is wrong", "runbook": "https://example.org/runbook.md"}
    end = {"endsAt": datetime.now(UTC).isoformat()} if over else {}
    body = json.dumps([{"labels": each, "annotations": annotations} | end for each in labels]).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v2/alerts", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()
