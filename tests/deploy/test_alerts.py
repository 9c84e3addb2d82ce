"""From a figure to whoever must act: service, monitor, Prometheus and Alertmanager together."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import yaml

from tests.deploy.helpers_alerting import (
    Prometheus,
    alertmanager,
    free_port,
    get,
    needs_prometheus,
    prometheus,
    wait_until,
)
from tests.deploy.helpers_exporter import Exporter, exporter
from tests.deploy.helpers_receivers import Mailbox, Receivers, receivers

pytestmark = [pytest.mark.nightly, needs_prometheus]
# An alarm may be opened at any moment between two looks of Prometheus.
ALARMS = (
    ("covariate", "amount", "retrain", "CovariateDrift"),
    ("concept", "loss", "retrain", "ConceptDrift"),
    ("performance", "recall", "rollback", "PerformanceLoss"),
    ("volume", "records", "ticket", "VolumeChange"),
    ("score", "amount", "page", "ScoreDrift"),
)


class Alerting(NamedTuple):
    """What runs, from Prometheus to the receivers."""

    prometheus: Prometheus
    web: Receivers
    mail: Mailbox

    def told(self, name: str, status: str = "firing", seconds: float = 30) -> tuple[float, dict[str, Any]]:
        """Wait until the webhook has got an alert; return when that was, and the alert."""

        def found(body: Any) -> bool:
            return any(each["labels"]["alertname"] == name and each["status"] == status for each in body["alerts"])

        received = self.web.wait("/alerts", seconds, found)
        return received.at, next(each for each in received.body["alerts"] if each["labels"]["alertname"] == name)


@contextmanager
def alerting(folder: Path, service: int, monitor: int, **route: str) -> Iterator[Alerting]:
    """Run Prometheus, Alertmanager and the receivers for a service and a monitor on some ports."""
    with (
        receivers() as (web, mail),
        alertmanager(folder / "alertmanager", web.port, mail.port, **route) as told,
        prometheus(folder / "prometheus", {"ml-model": service, "ml-monitor": monitor, "alertmanager": told}) as found,
    ):
        yield Alerting(found, web, mail)


@contextmanager
def traffic(ask: Callable[[], object]) -> Iterator[None]:
    """Ask twenty times a second, whether or not anybody answers."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(0.05):
            with suppress(OSError):
                ask()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_an_alarm_is_with_the_webhook_within_five_seconds(tmp_path: Path) -> None:
    with exporter() as monitor, alerting(tmp_path, monitor.port, monitor.port) as found:  # something that is up
        delays = {}
        for pause, (kind, cause, action, name) in enumerate(ALARMS):
            time.sleep(0.21 * pause)
            opened = monitor.open(kind, cause, action)
            at, alert = found.told(name)
            delays[name] = at - opened
            assert (
                alert["labels"].items() >= {"model": "fraud", "class": kind, "cause": cause, "action": action}.items()
            )
            assert alert["annotations"]["runbook"].endswith(f"/docs/runbooks/{name}.md")
        print({name: round(delay, 2) for name, delay in delays.items()})
        assert max(delays.values()) <= 5


def test_a_service_that_dies_is_told_and_its_drift_is_not_until_it_is_back(tmp_path: Path) -> None:
    serving = pytest.importorskip("tests.service.helpers_serving")
    bundle = serving.small_bundle(tmp_path / "bundle")
    with (
        exporter() as monitor,
        serving.service(tmp_path / "service", bundle) as service,
        alerting(tmp_path / "alerting", service.port, monitor.port, group_interval="1s") as found,
        traffic(lambda: service.ask("POST", "/predict", serving.VECTOR)),
    ):
        wait_until(lambda: found.prometheus.query("serve_rows_total > 0"), 20, "a scrape of the service")
        told_of_a_damaged_bundle(found, bundle)
        service.end(signal.SIGKILL)
        died = time.monotonic()
        at, alert = found.told("ServiceDown")
        print(f"ServiceDown after {at - died:.1f} s")
        assert alert["labels"].items() >= {"model": "fraud", "severity": "page"}.items()
        drift_is_held_back(found, monitor)
        with serving.service(tmp_path / "again", bundle, port=str(service.port)):
            found.told("ServiceDown", "resolved")
            found.told("CovariateDrift")


def told_of_a_damaged_bundle(found: Alerting, bundle: Path) -> None:
    file = bundle / "decision.json"
    right = file.read_bytes()
    file.write_bytes(b"{}")
    found.told("BundleSwapFailed")
    wait_until(lambda: any("BundleSwapFailed" in each for each in found.mail.messages), 10, "a mail")
    file.write_bytes(right)


def drift_is_held_back(found: Alerting, monitor: Exporter) -> None:
    monitor.open("covariate", "amount", "retrain")
    wait_until(lambda: "CovariateDrift" in found.prometheus.firing(), 10, "the alert of the drift")
    time.sleep(3)
    assert "CovariateDrift" not in {each["labels"]["alertname"] for each in found.web.webhooks()}


def test_drift_in_the_requests_reaches_the_webhook(workspace: Path, tmp_path: Path) -> None:
    """Nothing is a stand-in but the receivers; the alarm is raised on the first day of drift instead of the second."""
    serving = pytest.importorskip("tests.service.helpers_serving")
    params = workspace / "params.yaml"
    content = yaml.safe_load(params.read_text(encoding="utf-8"))
    content["monitor"]["persistence"] |= {"covariate": 1, "score": 1}
    params.write_text(yaml.safe_dump(content), encoding="utf-8")
    payments = payments_of(workspace)
    with (
        serving.service(tmp_path / "service", workspace / "models/bundle", log_values="1") as service,
        monitor_command(workspace, service.log) as port,
        alerting(tmp_path / "alerting", service.port, port) as found,
    ):
        ask_in_parts(service, payments)
        wait_until(lambda: found.prometheus.query("monitor_records > 0"), 30, "the monitor has read the requests")
        assert not found.prometheus.query("monitor_alarm")
        sent = time.monotonic()
        ask_in_parts(service, payments[payments["amount"] > payments["amount"].quantile(0.8)])
        gauges = f"http://127.0.0.1:{port}/metrics"
        wait_until(lambda: 'class="covariate"' in str(get(gauges)), 60, "the alarm")
        seen = time.monotonic()
        at, alert = found.told("CovariateDrift")
        print(f"drift: alarm {seen - sent:.1f} s after the requests, webhook {at - seen:.1f} s after the alarm")
        assert at - seen <= 5
        assert alert["labels"].items() >= {"model": "fraud", "class": "covariate", "cause": "amount"}.items()
        assert alert["annotations"]["runbook"].endswith("/docs/runbooks/CovariateDrift.md")


def payments_of(folder: Path) -> pd.DataFrame:
    """Return the model's features of the test window: one of those that are usual, and no value in it is wrong."""
    names = json.loads((folder / "models/bundle/schema.json").read_text(encoding="utf-8"))["features"]
    return pd.read_parquet(folder / "data/splits/test.parquet")[names]


def ask_in_parts(service: Any, rows: pd.DataFrame) -> None:
    for start in range(0, len(rows), 500):
        instances = rows.iloc[start : start + 500].to_numpy().tolist()
        assert service.ask("POST", "/v1/models/fraud:predict", {"instances": instances}).status == 200


@contextmanager
def monitor_command(folder: Path, log: Path) -> Iterator[int]:
    """Run `mlops.py monitor` as an exporter that looks every second."""
    port = free_port()
    command = [sys.executable, "src/mlops.py", "monitor", f"--log={log}", f"--port={port}"]
    process = subprocess.Popen([*command, "--every=1"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def answers() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return "monitor_last_run_timestamp_seconds" in get(f"http://127.0.0.1:{port}/metrics")
        except OSError:
            return False

    try:
        wait_until(answers, 60, "the first look of the monitor")
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=20)
