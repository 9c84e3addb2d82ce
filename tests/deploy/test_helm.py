"""The chart, by the real Helm: the objects of the overlays, and no values that make no sense."""

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.helpers_helm import CHART, helm, helm_program
from tests.deploy.helpers_manifests import Object, of_kind, rendered, titled
from tests.docs import blocks
from tests.graph import ROOT

ENVIRONMENTS = ("dev", "test", "prod")
HELMS_OWN = ("helm.sh/chart", "app.kubernetes.io/managed-by", "helm.sh/resource-policy")


def templated(environment: str, **values: Any) -> list[Object]:
    """Return what the chart makes for an environment, with some values replaced."""
    files = ("-f", CHART / f"values-{environment}.yaml", "-f", "-")
    done = helm("template", "model-service", CHART, *files, text=json.dumps(values))
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def comparable(value: Any) -> Any:
    """Return a value without the order of lists whose entries have names, and without what only Helm sets."""
    if isinstance(value, list):
        entries = [comparable(each) for each in value]
        keys = ("name", "mountPath", "topologyKey", "targetLabel")
        return sorted(entries, key=lambda each: [str(each.get(key)) for key in keys] if isinstance(each, dict) else [])
    if not isinstance(value, dict):
        return value
    kept = {key: comparable(each) for key, each in value.items() if key not in HELMS_OWN}
    return {key: each for key, each in kept.items() if not (key == "annotations" and each == {})}


def by_title(objects: list[Object]) -> dict[str, Any]:
    """Return the objects in a form that two renderers share; a namespace is given by an option of Helm."""
    found = {}
    for each in objects:
        each["metadata"].pop("namespace", None)
        if each["kind"] == "CronJob":  # kustomize labels the Job as well, which nothing selects
            each["spec"]["jobTemplate"].pop("metadata", None)
        found[titled(each)] = comparable(each)
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_chart_makes_the_objects_of_the_overlay(environment: str) -> None:
    wanted = by_title([each for each in rendered(environment) if each["kind"] != "Namespace"])
    found = by_title(templated(environment))
    assert found.keys() == wanted.keys()
    for title, each in wanted.items():
        assert found[title] == each, title


def test_a_difference_is_seen() -> None:
    wanted, found = by_title(rendered("prod")), by_title(templated("prod", serving={"size": "2Gi"}))
    assert [title for title in found if found[title] != wanted[title]] == ["PersistentVolumeClaim/serving"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_chart_is_linted(environment: str) -> None:
    done = helm("lint", "--strict", CHART, "-f", CHART / f"values-{environment}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_chart_is_packaged_with_its_schema(tmp_path: Path) -> None:
    done = helm("package", CHART, "-d", tmp_path)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("model-service-*.tgz")
    with tarfile.open(archive) as opened:
        names = {Path(name).name for name in opened.getnames()}
    assert names >= {"Chart.yaml", "values.yaml", "values.schema.json", "values-prod.yaml", "_parts.tpl"}
    files = ("-f", CHART / "values-prod.yaml")
    assert (
        helm("template", "model-service", archive, *files).stdout
        == helm("template", "model-service", CHART, *files).stdout
    )


PINNED = "ghcr.io/OWNER/model-service@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"environment": "staging"}, "/environment"),
        ({"images": {"service": "ghcr.io/OWNER/model-service:latest"}}, "/images/service"),
        ({"images": {"service": PINNED[:-1]}}, "/images/service"),
        ({"store": "/data/store"}, "/store"),
        ({"settings": {"SERVE_MAX_ROWS": 10}}, "/settings/SERVE_MAX_ROWS"),
        ({"settings": {"SERVE_STORE": "memory"}}, "SERVE_STORE"),
        ({"settings": {"MAX_ROWS": "10"}}, "MAX_ROWS"),
        ({"stop": {"drain": 0}}, "/stop/drain"),
        ({"stop": {"preStop": 2.5}}, "/stop/preStop"),
        ({"resources": {"requests": {"cpu": "0"}}}, "/resources/requests/cpu"),
        ({"resources": {"requests": {"memory": "512M i"}}}, "/resources/requests/memory"),
        ({"resources": {"limits": {"cpu": "1"}}}, "/resources/limits"),
        ({"autoscaler": {"minReplicas": 0}}, "/autoscaler/minReplicas"),
        ({"autoscaler": {"inFlight": 0}}, "/autoscaler/inFlight"),
        ({"autoscaler": {"cpu": 150}}, "/autoscaler/cpu"),
        ({"autoscaler": {"maxReplica": 5}}, "maxReplica"),
        ({"disruptionBudget": {"minAvailable": "50%"}}, "/disruptionBudget/minAvailable"),
        ({"serving": {"size": "1"}}, "/serving/size"),
        ({"secrets": {"apiKeys": "API_KEYS"}}, "/secrets/apiKeys"),
        ({"namespaces": {"gateway": ""}}, "/namespaces/gateway"),
        ({"monitoring": {"schedule": "hourly"}}, "/monitoring/schedule"),
        ({"monitoring": {"pushgateway": "http://pushgateway:9091"}}, "/monitoring/pushgateway"),
        ({"retraining": {"enabled": "yes"}}, "/retraining/enabled"),
        ({"replicaCount": 3}, "replicaCount"),
        ({"autoscaler": {"minReplicas": 13}}, "minReplicas is above maxReplicas"),
        ({"disruptionBudget": {"minAvailable": 3}}, "no node can be drained"),
        ({"store": "memory"}, "memory is not shared by replicas"),
        ({"resources": {"limits": {"memory": "500Mi"}}}, "more memory is requested than the limit allows"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], said: str) -> None:
    done = helm(
        "template", "model-service", CHART, "-f", CHART / "values-prod.yaml", "-f", "-", text=json.dumps(values)
    )
    assert done.returncode != 0
    assert said in done.stderr, done.stderr


def test_values_reach_what_they_name() -> None:
    values = {"settings": {"SERVE_MAX_WAIT_MS": "20"}, "stop": {"preStop": 10, "linger": 3, "drain": 30}}
    objects = templated("prod", **values, serving={"storageClass": "shared"}, serviceMonitor={"enabled": False})
    (deployment,), (claim,) = of_kind(objects, "Deployment"), of_kind(objects, "PersistentVolumeClaim")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 10 + 3 + 30
    assert {"name": "SERVE_MAX_WAIT_MS", "value": "20"} in pod["containers"][0]["env"]
    assert claim["spec"]["storageClassName"] == "shared"
    assert not of_kind(objects, "ServiceMonitor")


def test_the_page_can_be_followed_without_a_cluster() -> None:
    (shell,) = (block.text for block in blocks(ROOT / "docs/kubernetes.md") if "helm" in block.marks)
    path = f"{Path(helm_program()).parent}:/usr/bin:/bin"
    subprocess.run(["sh", "-ceu", shell], cwd=ROOT, env={"PATH": path}, check=True, capture_output=True, timeout=120)
