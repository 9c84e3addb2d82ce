"""The scrape configuration and the rules: valid, about metrics that exist, and each alert tested on both sides."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from lifecycle.core.monitor_params import KINDS
from lifecycle.monitoring.gauges import Gauges, families
from lifecycle.monitoring.live import Live
from tests.deploy.helpers_alerting import DEPLOY, alerts, needs_prometheus, rules, tool
from tests.deploy.helpers_exporter import GAUGES
from tests.graph import ROOT
from tests.lifecycle.monitoring.helpers_logs import watched_bundle, weeks_of_log
from tests.lifecycle.monitoring.test_live import gone, seen

RULES = sorted((DEPLOY / "prometheus/rules").glob("*.yml"))
RULE_TESTS = sorted((ROOT / "tests/deploy/rules").glob("*_test.yml"))
# What a rule is changed into, and its tests must notice; the third is a limit three times as high.
CHANGES = ("never", "always", "later", "at once")


def cases(name: str) -> list[list[tuple[float, int]]]:
    """Return the times at which an alert is asked for, with how many fire, one list for each imagined course."""
    courses = []
    for file in RULE_TESTS:
        for course in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            asked = [each for each in course.get("alert_rule_test", []) if each["alertname"] == name]
            courses.append([(seconds(each["eval_time"]), len(each.get("exp_alerts", []))) for each in asked])
    return [sorted(course) for course in courses if course]


def seconds(duration: str) -> float:
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


@needs_prometheus
def test_the_configuration_is_valid() -> None:
    said = tool("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")
    assert "WARNING" not in said.upper()
    assert f"{len(RULES)} rule files found" in said


@needs_prometheus
def test_the_rules_are_valid() -> None:
    tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@needs_prometheus
def test_every_rule_does_what_its_tests_say() -> None:
    tool("promtool", "test", "rules", *RULE_TESTS)


@pytest.mark.parametrize("name", alerts())
def test_an_alert_is_seen_silent_then_firing_then_resolved(name: str) -> None:
    found = [[bool(count) for _, count in course] for course in cases(name)]
    fired = [course.index(True) for course in found if True in course]
    assert fired, "no test lets it fire"
    assert any(True in course and not course[0] and not course[-1] for course in found)


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_is_wrong_and_where_to_read_on(name: str) -> None:
    for rule in alerts()[name]:
        assert rule["labels"]["severity"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"{{{{ $externalLabels.runbooks }}}}/{name}.md"


def test_the_service_is_the_job_that_dashboards_know() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["ml-model"]["metrics_path"] == "/metrics"
    assert set(jobs) == {"ml-model", "ml-monitor"}


def test_every_class_of_alarm_has_its_alert() -> None:
    classes = [found for rule in rules() for found in re.findall(r'monitor_alarm{class="(\w+)"', rule["expr"])]
    assert sorted(classes) == sorted(KINDS)


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Give findings of the monitor with an open alarm."""
    folder = tmp_path_factory.mktemp("monitored")
    servable = watched_bundle(folder / "bundle", "binary")
    lines, labels = weeks_of_log(servable, "binary", 14, gone)
    live = seen(folder, servable, lines, labels, 14)
    assert any(alarm.open for alarm in live.findings.alarms)
    return live


def test_every_metric_in_a_rule_is_one_that_exists(monitored: Live) -> None:
    exposition = pytest.importorskip("service.telemetry.exposition")
    service = (*exposition.FAMILIES, *exposition.SHARED)
    known = {f"serve_{each.name}{exposition.SUFFIX[each.type]}" for each in service}
    known |= {f"serve_{each.name}_bucket" for each in service if each.type == "histogram"}
    known |= {family.name for family in families(monitored)}
    used = {name for rule in rules() for name in re.findall(r"(?<![\w:])(?:serve|monitor|model)_\w+", rule["expr"])}
    assert len(used) > 8
    assert used <= known


def test_the_stand_in_for_the_monitor_has_its_gauges(monitored: Live) -> None:
    real = {f"{one.name}_total" if one.type == "counter" else one.name for one in families(monitored)}
    assert set(GAUGES) == real


def test_the_objective_counts_what_asks_for_a_score_or_tells_an_event() -> None:
    """A route that scores and is left out would fail unseen; a health check would hide failures among its many 200s."""
    service_routes = pytest.importorskip("service.routes")
    from service.scoring import EVENTS
    from service.settings import Settings

    operations = [each for _, each in service_routes.endpoints(Settings())] + [EVENTS]
    scored = {each.path for each in operations if each.method == "POST"}
    asked = {each.path for each in operations if each.method == "GET"} | {"/metrics", "/docs", "/health/ready"}
    patterns = {p for rule in rules() for p in re.findall(r'route=~"([^"]+)"', rule["expr"])}
    assert len(patterns) == 2
    for pattern in patterns:
        assert all(re.fullmatch(pattern, path) for path in scored)
        assert not [path for path in asked if re.fullmatch(pattern, path)]


@needs_prometheus
def test_promtool_finds_no_fault_in_the_metrics_of_the_service(tmp_path: Path) -> None:
    serving = pytest.importorskip("tests.service.helpers_serving")
    with serving.service(tmp_path, serving.small_bundle(tmp_path / "bundle")) as service:
        assert service.ask("POST", "/predict", serving.VECTOR).status == 200
        assert checked(service.ask("GET", "/metrics").body, tmp_path) == ""


@needs_prometheus
def test_promtool_finds_no_fault_in_the_gauges_of_the_monitor(monitored: Live, tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(Gauges(monitored))
    text = generate_latest(registry)
    assert b"monitor_alarm{" in text
    assert checked(text, tmp_path) == ""


def checked(text: bytes, folder: Path) -> str:
    """Return what promtool has to say of metrics."""
    file = folder / "metrics.txt"
    file.write_bytes(text)
    return tool("sh", "-c", f"promtool check metrics < {file}")


def changed(rule: dict[str, Any], change: str) -> dict[str, Any]:
    """Return a rule with one mistake in it; the same rule where that mistake can't be made."""
    if change == "never":
        return rule | {"expr": f"({rule['expr']}) and vector(1) == 0"}
    if change == "always":
        return rule | {"expr": "vector(1)"}
    if change == "at once":
        return {key: value for key, value in rule.items() if key != "for"}
    limit = r"([<>]=? )([1-9]\d*\.?\d*|0\.\d+)(?!.*[<>]=? \d)"  # the last number that something is compared with
    return rule | {"expr": re.sub(limit, lambda found: f"{found[1]}{3 * float(found[2])}", rule["expr"], flags=re.S)}


@pytest.mark.nightly
@needs_prometheus
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", alerts())
def test_a_mistake_in_a_rule_is_noticed(name: str, change: str, tmp_path: Path) -> None:
    (file,) = {rule["file"] for rule in alerts()[name]}
    shutil.copytree(DEPLOY / "prometheus/rules", tmp_path / "deploy/prometheus/rules")
    copied = shutil.copytree(ROOT / "tests/deploy/rules", tmp_path / "tests/deploy/rules")
    tests = [copied / path.name for path in RULE_TESTS if f"alertname: {name}" in path.read_text(encoding="utf-8")]
    place = tmp_path / f"deploy/prometheus/rules/{file}.yml"
    right = place.read_text(encoding="utf-8")
    for index in range(len(alerts()[name])):
        content = yaml.safe_load(right)
        listed = content["groups"][0]["rules"]
        place_in_group = [n for n, rule in enumerate(listed) if rule.get("alert") == name][index]
        spoilt = changed(listed[place_in_group], change)
        if spoilt != listed[place_in_group]:
            listed[place_in_group] = spoilt
            place.write_text(yaml.safe_dump(content), encoding="utf-8")
            tool("promtool", "test", "rules", *tests, fails=True)
