"""The dashboard is what the script makes, and shows what the service and the monitor export."""

import itertools
import json
import re
from typing import Any

import pytest
import yaml

from integrations.grafana_dashboard import DASHBOARD, dashboard, text
from tests.deploy.helpers_exporter import GAUGES
from tests.graph import ROOT

PROVISIONING = ROOT / "deploy/grafana/provisioning"
PANELS: list[dict[str, Any]] = dashboard()["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]
METRIC = re.compile(r"\b(?:serve|model|data|monitor|process)_\w+")
# What the source document shows: title, expression.
WANTED = {
    "模型准确率": 'model_accuracy{model=~"$model"}',
    "F1分数": 'model_f1_score{model=~"$model"}',
    "数据漂移分数": 'data_drift_score{model=~"$model"}',
}


def test_the_file_is_what_the_script_makes() -> None:
    assert (ROOT / DASHBOARD).read_text(encoding="utf-8") == text()


def test_the_rows_are_there_and_the_first_panels_are_those_of_the_source() -> None:
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == ["Model", "Data", "Service", "Release"]
    first = {panel["title"]: panel["targets"][0]["expr"] for panel in SHOWN[:3]}
    assert {re.search(r"\((.*)\)", title)[1]: expression for title, expression in first.items()} == WANTED  # type: ignore[index]
    assert all(panel["targets"][0]["legendFormat"] == "{{model}}" for panel in SHOWN[:3])


def test_every_panel_has_a_number_a_title_and_a_place_of_its_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    places = [panel["gridPos"] for panel in PANELS]
    cells = [
        {*itertools.product(range(p["x"], p["x"] + p["w"]), range(p["y"], p["y"] + p["h"]))} for p in places
    ]  # fmt: skip
    assert sum(map(len, cells)) == len(set().union(*cells))
    assert max(x for x, _ in set().union(*cells)) == 23


def exported() -> set[str]:
    """Return the names of all series that the service and the monitor export."""
    exposition = pytest.importorskip("service.telemetry.exposition")
    endings = exposition.SUFFIX | {"histogram": "_bucket"}
    series = {f"serve_{one.name}{endings[one.type]}" for one in (*exposition.FAMILIES, *exposition.SHARED)}
    process = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    return series | process | {"serve_model_age_seconds", *GAUGES}


def test_every_metric_is_exported_and_every_gauge_of_the_monitor_is_shown() -> None:
    found = set(METRIC.findall(re.sub(r"label_values\(|, \w+\)", "", json.dumps(dashboard()))))
    assert found - exported() == set()
    assert set(GAUGES) <= found


def test_every_variable_is_defined_and_used() -> None:
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([PANELS, dashboard()["annotations"]]))) - {
        "__rate_interval",
        "__range",
    }
    assert used == {one["name"] for one in dashboard()["templating"]["list"]}


def test_grafana_finds_the_dashboard_and_prometheus_where_the_files_say() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/mlops.yml").read_text(encoding="utf-8"))["providers"]
    (choice,) = (one for one in dashboard()["templating"]["list"] if one["type"] == "datasource")
    assert source["type"] == choice["query"] == "prometheus"
    assert provider["type"] == "file"
    assert provider["options"]["path"].endswith(DASHBOARD.parent.name)
