"""Who is told what, and in which form: routes for every alert, and real messages caught by stand-ins."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jsonschema
import pytest
import yaml

from tests.deploy.helpers_alerting import (
    DEPLOY,
    KEYS,
    alertmanager,
    alerts,
    needs_prometheus,
    post_alerts,
    severities,
    tool,
    wait_until,
)
from tests.deploy.helpers_receivers import (
    OPSGENIE_ALERT,
    OPSGENIE_CLOSING,
    PAGERDUTY_EVENT,
    Mailbox,
    Receivers,
    receivers,
)

CONFIG = DEPLOY / "alertmanager/alertmanager.yml"
TOLD = {"page": "webhook,pagerduty,opsgenie,slack", "ticket": "webhook,slack,email"}
PAGE = {"model": "fraud", "class": "performance", "cause": "recall", "action": "rollback", "severity": "page"}
LOSS = {"alertname": "PerformanceLoss", **PAGE}


class Told(NamedTuple):
    """A running Alertmanager, and whom it tells."""

    port: int
    web: Receivers
    mail: Mailbox


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Run Alertmanager; what is over is told after 1 s instead of 30 s, nothing else is changed."""
    folder = tmp_path_factory.mktemp("told") / "alertmanager"
    with (
        receivers() as (web, mail),
        alertmanager(folder, web.port, mail.port, group_interval="1s") as port,
    ):
        yield Told(port, web, mail)


def about(*words: str) -> Callable[[Any], bool]:
    """Tell whether a request holds some words."""
    return lambda body: all(word in str(body) for word in words)


@needs_prometheus
def test_the_configuration_is_valid() -> None:
    assert "1 templates" in tool("amtool", "check-config", CONFIG)


@needs_prometheus
@pytest.mark.parametrize(("name", "severity"), [(name, s) for name in alerts() for s in sorted(severities(name))])
def test_every_alert_reaches_those_who_must_act(name: str, severity: str) -> None:
    labels = [f"{label}={value}" for label, value in {**PAGE, "alertname": name, "severity": severity}.items()]
    command = ["amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels]
    assert TOLD[severity] in tool(*command).splitlines()


def test_no_key_stands_in_the_configuration() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    secrets = re.findall(r"^[ -]*(\w*(?:key|password|credentials|token|api_url)\w*): *(\S+)", text, re.MULTILINE)
    assert len(secrets) == 5
    assert all(name.endswith("_file") and value.startswith(f"{KEYS}/") for name, value in secrets)


def test_inhibition_names_alerts_that_exist() -> None:
    rules = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]
    matchers = [m for rule in rules for side in ("source_matchers", "target_matchers") for m in rule[side]]
    named = {word for m in matchers if m.startswith("alertname") for word in re.findall(r"[A-Z]\w+", m)}
    assert "ServiceDown" in named
    assert named <= set(alerts())
    assert all(rule["equal"] == ["model"] for rule in rules)


@needs_prometheus
def test_pagerduty_gets_the_event_that_it_publishes(told: Told) -> None:
    post_alerts(told.port, {**LOSS, "model": "pagerduty"})
    opened = told.web.wait("/v2/enqueue", 10, about("of pagerduty"))
    jsonschema.validate(opened.body, PAGERDUTY_EVENT)
    assert (opened.body["event_action"], opened.body["routing_key"]) == ("trigger", "key-of-pagerduty")
    payload = opened.body["payload"]
    assert (payload["summary"], payload["severity"]) == ("PerformanceLoss of pagerduty: recall", "critical")
    assert (payload["class"], payload["component"]) == ("performance", "pagerduty")
    assert payload["custom_details"]["action"] == "rollback"
    assert opened.body["links"] == [{"href": "https://example.org/runbook.md", "text": "Runbook"}]

    post_alerts(told.port, {**LOSS, "model": "pagerduty"}, over=True)
    resolved = told.web.wait("/v2/enqueue", 10, lambda body: body["event_action"] == "resolve")
    jsonschema.validate(resolved.body, PAGERDUTY_EVENT)
    assert resolved.body["dedup_key"] == opened.body["dedup_key"]


@needs_prometheus
def test_opsgenie_gets_the_alert_that_it_publishes(told: Told) -> None:
    post_alerts(told.port, {**LOSS, "model": "opsgenie", "cause": "a long name " * 20})
    created = told.web.wait("/v2/alerts", 10, about("'entity': 'opsgenie'"))
    jsonschema.validate(created.body, OPSGENIE_ALERT)
    assert created.headers["authorization"] == "GenieKey key-of-opsgenie"
    assert (created.body["priority"], created.body["entity"]) == ("P1", "opsgenie")
    assert created.body["tags"] == ["PerformanceLoss", "page"]
    assert created.body["details"]["runbook"] == "https://example.org/runbook.md"
    assert created.body["details"]["action"] == "rollback"

    post_alerts(told.port, {**LOSS, "model": "opsgenie", "cause": "a long name " * 20}, over=True)
    closed = told.web.wait(f"/v2/alerts/{created.body['alias']}/close", 10)
    jsonschema.validate(closed.body, OPSGENIE_CLOSING)


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        (PAGERDUTY_EVENT, {"routing_key": "k", "event_action": "trigger"}),
        (PAGERDUTY_EVENT, {"routing_key": "k", "event_action": "resolve"}),
        (PAGERDUTY_EVENT, {"routing_key": "k", "event_action": "close", "dedup_key": "d"}),
        (PAGERDUTY_EVENT, {"routing_key": "k", "event_action": "resolve", "dedup_key": "d", "sumary": "s"}),
        (OPSGENIE_ALERT, {"alias": "a"}),
        (OPSGENIE_ALERT, {"message": "m" * 131}),
        (OPSGENIE_ALERT, {"message": "m", "priority": "high"}),
        (OPSGENIE_ALERT, {"message": "m", "details": {"size": 2.5}}),
        (OPSGENIE_CLOSING, {"message": "m"}),
    ],
)
def test_the_schemas_refuse_what_the_receivers_refuse(schema: dict[str, Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


@needs_prometheus
def test_slack_is_told_in_words(told: Told) -> None:
    post_alerts(told.port, {"alertname": "StoreProblem", "model": "slack", "severity": "page"})
    (attachment,) = told.web.wait("/slack", 10, about("StoreProblem of slack")).body["attachments"]
    assert attachment["title_link"] == "https://example.org/runbook.md"
    assert attachment["color"] == "danger"
    assert "a test.\nNothing is wrong" in attachment["text"]


@needs_prometheus
def test_a_ticket_goes_by_mail(told: Told) -> None:
    drift = {**PAGE, "alertname": "CovariateDrift", "class": "covariate", "cause": "amount", "severity": "ticket"}
    post_alerts(told.port, drift)
    (message,) = wait_until(lambda: [m for m in told.mail.messages if "CovariateDrift" in m], 10, "a mail")
    assert "Subject: CovariateDrift of fraud: amount" in message
    assert "Runbook: https://example.org/runbook.md" in message


@needs_prometheus
def test_a_dead_service_and_wrong_data_silence_their_drift(told: Told) -> None:
    drift, concept = {**PAGE, "alertname": "ScoreDrift"}, {**PAGE, "alertname": "ConceptDrift"}
    down = {"alertname": "ServiceDown", "severity": "page", "model": "dead"}
    post_alerts(told.port, down, {**PAGE, "alertname": "QualityFault", "model": "faulty"})
    for model in ("dead", "faulty"):
        told.web.wait("/alerts", 10, about(f"'{model}'"))
    post_alerts(told.port, *[{**each, "model": m} for each in (drift, concept) for m in ("dead", "faulty", "sound")])
    told.web.wait("/alerts", 10, about("ConceptDrift", "'faulty'"))
    told.web.wait("/alerts", 10, about("ScoreDrift", "'sound'"))
    time.sleep(0.5)  # what is silenced would have come with the others
    names = {(alert["labels"]["model"], alert["labels"]["alertname"]) for alert in told.web.webhooks()}
    assert {name for model, name in names if model == "dead"} == {"ServiceDown"}
    assert {name for model, name in names if model == "faulty"} == {"QualityFault", "ConceptDrift"}


@needs_prometheus
def test_several_causes_are_one_message(told: Told) -> None:
    causes = [{**PAGE, "alertname": "SchemaFault", "model": "several", "cause": f"column {n}"} for n in range(3)]
    post_alerts(told.port, *causes)
    message = told.web.wait("/alerts", 10, about("'several'"))
    assert len(message.body["alerts"]) == 3
    assert message.headers["authorization"] == "Bearer key-of-webhook"
