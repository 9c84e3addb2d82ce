"""Every expression and every variable of the dashboard has data on a real Prometheus; the file has Grafana's types."""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from integrations.grafana_dashboard import DASHBOARD
from tests.deploy.helpers_alerting import Prometheus, free_port, get, needs_prometheus, running, wait_until
from tests.deploy.helpers_exporter import MODEL, exporter
from tests.deploy.helpers_monitor import monitor, write_decisions
from tests.deploy.helpers_schemas import faults, needs_npm
from tests.graph import ROOT

helpers = pytest.importorskip("tests.service.helpers_serving", reason="the service has been taken off")
protocols = pytest.importorskip("tests.service.helpers_protocols", reason="the service has been taken off")

CONTENT = json.loads((ROOT / DASHBOARD).read_text(encoding="utf-8"))
LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)")
PAYMENT = {"transaction_id": 1, "tx_time": "2018-10-01T10:00:00", "customer_id": 1, "terminal_id": 2, "amount": 9.5}


@contextmanager
def scraping(folder: Path, jobs: Mapping[str, Sequence[int]]) -> Iterator[Prometheus]:
    """Run Prometheus, which reads some ports each second."""
    scraped = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
        for job, ports in jobs.items()
    ]
    folder.mkdir()
    content = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scraped}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    address = f"127.0.0.1:{free_port()}"
    with running([*command, f"--web.listen-address={address}"], f"http://{address}") as url:
        yield Prometheus(url)


def expressions() -> Iterator[tuple[str, str]]:
    """Yield each expression with the title of what shows it."""
    for panel in CONTENT["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']}: {target['legendFormat']}", target["expr"]
    for mark in CONTENT["annotations"]["list"]:
        yield mark["name"], mark["target"]["expr"]


def filled(text: str, chosen: dict[str, list[str]]) -> str:
    """Put values in for variables as Grafana does, all of each."""
    for name, values in chosen.items():
        found = "|".join(re.escape(value).replace("\\", "\\\\") for value in values)
        text = text.replace(f"${name}", f"({found})")
    return text.replace("$__rate_interval", "15s").replace("$__range", "60s")


def variables(server: Prometheus) -> dict[str, list[str]]:
    """Return the values of each variable, asked for in their order: a later one names earlier ones."""
    chosen: dict[str, list[str]] = {}
    for one in CONTENT["templating"]["list"]:
        if one["type"] == "query":
            selector, label = LABEL_VALUES.fullmatch(one["query"]["query"]).groups()  # type: ignore[union-attr]
            asked = urlencode({"match[]": filled(selector, chosen)})
            chosen[one["name"]] = get(f"{server.url}/api/v1/label/{label}/values?{asked}")["data"]
    return chosen


def has_numbers(series: list[dict[str, Any]]) -> bool:
    return any(not math.isnan(float(one["value"][1])) for one in series)


def traffic(shops: Any, payments: Any) -> None:
    """Ask for decisions, with a missing value, without rights, and about raw records."""
    for body in (helpers.VECTOR, {"features": [0.5, None, "bakery"]}, {"features": []}):
        shops.ask("POST", "/predict", body)
    payments.ask("POST", "/events", {"events": [PAYMENT]})
    payments.ask("POST", "/predict", {"records": [PAYMENT]})


@pytest.mark.nightly
@needs_prometheus
def test_every_expression_and_every_variable_has_data(tmp_path: Path) -> None:
    """Two services under a little traffic, a new bundle for one of them, and the monitor's gauges."""
    link = tmp_path / "live"
    link.symlink_to(helpers.small_bundle(tmp_path / "shops"))
    servable = protocols.history_bundle(tmp_path / "payments")
    with (
        helpers.service(tmp_path / "a", link, poll_seconds="0.1", model_name=MODEL) as shops,
        helpers.service(tmp_path / "b", servable.folder, store="memory", model_name=MODEL) as payments,
        exporter() as gauges,
        scraping(
            tmp_path / "prometheus", {"ml-model": [shops.port, payments.port], "ml-monitor": [gauges.port]}
        ) as server,
    ):
        gauges.open("covariate", "amount", "retrain")
        swaps = f'serve_swaps_total{{instance="127.0.0.1:{shops.port}"}}'
        wait_until(lambda: server.query(swaps), 10, "the counter has been read, so that it can grow")
        (tmp_path / "new").symlink_to(helpers.small_bundle(tmp_path / "changed", threshold=0.01))
        (tmp_path / "new").rename(link)
        empty, end = dict(expressions()), time.monotonic() + 40
        while empty and time.monotonic() < end:
            traffic(shops, payments)
            time.sleep(0.5)
            chosen = variables(server)
            empty = {name: text for name, text in empty.items() if not has_numbers(server.query(filled(text, chosen)))}
        assert empty == {}
        assert all(chosen.values())
        assert chosen["model"] == [MODEL]
        assert len(chosen["instance"]) == 2


@pytest.mark.nightly
@needs_prometheus
def test_the_real_monitor_has_data_for_its_panels(tmp_path: Path, workspace: Path) -> None:
    """On a log whose last days have drifted, with labels of the days before."""
    log, labels = tmp_path / "decisions.log", tmp_path / "labels.csv"
    write_decisions(workspace, log, labels)
    with monitor(workspace, log, labels) as port, scraping(tmp_path / "prometheus", {"ml-monitor": [port]}) as server:
        of_service = re.compile("serve_|process_").search
        empty = {name: text for name, text in expressions() if not of_service(text)}
        end = time.monotonic() + 90
        while empty and time.monotonic() < end:
            time.sleep(0.5)
            chosen = {name: values or [".*"] for name, values in variables(server).items()}
            empty = {name: text for name, text in empty.items() if not has_numbers(server.query(filled(text, chosen)))}
        assert empty == {}


TYPES = """
import type {AnnotationQuery, Dashboard, DataQuery} from '@grafana/schema';
type Expression = DataQuery & {expr: string, range: boolean, instant: boolean};
type Marked = Omit<Dashboard, "annotations"> & {annotations: {list: AnnotationQuery<Expression>[]}};
"""


@pytest.mark.nightly
@needs_npm
def test_the_file_has_the_types_that_grafana_publishes() -> None:
    assert faults(TYPES, "Words<Marked>", CONTENT) == ""
    wrong = json.loads(json.dumps(CONTENT))
    wrong["panels"][1]["fieldConfig"]["defaults"]["decimals"] = "two"
    assert "not assignable to type 'number'" in faults(TYPES, "Words<Marked>", wrong)
    assert "titel" in faults(TYPES, "Words<Marked>", CONTENT | {"titel": "x"})
