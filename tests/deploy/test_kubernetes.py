"""Whether the objects of each overlay fit each other, the service and the page, by checks that are seen to fail."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.helpers_manifest_checks import CHECKS, Outside, faults
from tests.deploy.helpers_manifests import (
    KUBERNETES,
    OVERLAYS,
    containers,
    planted,
    quantity,
    rendered,
    services,
)
from tests.docs import blocks
from tests.graph import ROOT
from tests.helpers_tools import tool
from tests.service.helpers_protocols import described, history_bundle

PAGE = ROOT / "docs/kubernetes.md"
SERVICE, POD = "Deployment/model-service", "spec.template.spec"
CONTAINER, JOB = f"{POD}.containers.0", "spec.jobTemplate.spec.template.spec"
SCALER, BUDGET, POLICY = (
    f"{k}/model-service" for k in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy")
)
PREDICTOR = ("kserve", "InferenceService/model-service")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """Give the service's routes, and what docs/kubernetes.md tells users to make."""
    from service.settings import load_settings

    document = json.loads(described(history_bundle(tmp_path_factory.mktemp("k") / "bundle"), load_settings({})))
    text = PAGE.read_text(encoding="utf-8")
    secrets = re.findall(r"^\| secret `([\w-]+)` \| `([\w-]+)`", text, re.MULTILINE)
    claims = re.findall(r"^\| claim `([\w-]+)` \|", text, re.MULTILINE)
    return Outside(frozenset(document["paths"]), frozenset(secrets), frozenset(claims))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_objects_fit_each_other_and_the_service(overlay: str, outside: Outside) -> None:
    assert faults(rendered(overlay), outside) == []


PLANTED: list[tuple[str, str, Any, str]] = [
    (SERVICE, f"{CONTAINER}.resources.requests.memory", "2Gi", "requests 2Gi of memory, limited to 1Gi"),
    (SERVICE, f"{CONTAINER}.resources.limits", {}, "resources without a limit of memory"),
    (SERVICE, f"{CONTAINER}.resources.requests", {"memory": "1Mi"}, "resources without cpu"),
    ("Service/model-service", "spec.selector", {"app": "other"}, "Service/model-service selects nothing"),
    (SERVICE, "spec.selector.matchLabels", {"app": "other"}, f"{SERVICE} selects nothing"),
    (BUDGET, "spec.selector.matchLabels", {"app": "other"}, f"{BUDGET} selects nothing"),
    (POLICY, "spec.podSelector.matchLabels", {"app": "other"}, "no policy closes"),
    ("ServiceMonitor/model-service", "spec.selector.matchLabels", {"app": "o"}, "selects nothing"),
    (SERVICE, f"{POD}.topologySpreadConstraints.0.labelSelector.matchLabels", {"app": "o"}, "spread by labels"),
    ("Service/model-service", "spec.ports.0.targetPort", "web", "Service: there is no port web"),
    ("ServiceMonitor/model-service", "spec.endpoints.0.port", "web", "ServiceMonitor: there is no port web"),
    (SERVICE, f"{CONTAINER}.livenessProbe.httpGet.port", "web", "service: there is no port web"),
    (POLICY, "spec.ingress.0.ports.0.port", "web", f"{POLICY}: there is no port web"),
    (SERVICE, f"{CONTAINER}.ports.0.containerPort", 8081, "containerPort 8081 is not SERVE_PORT"),
    (SERVICE, f"{CONTAINER}.readinessProbe.httpGet.path", "/healthz", "no route /healthz"),
    (SERVICE, f"{CONTAINER}.readinessProbe", ..., "2 probes instead of 3"),
    ("ServiceMonitor/model-service", "spec.endpoints.0.path", "/prometheus", "no route /prometheus"),
    (BUDGET, "spec.minAvailable", 3, "lets no node be drained"),
    (SCALER, "spec.scaleTargetRef.name", "service", "there is no Deployment/service"),
    (SCALER, "spec.minReplicas", 20, "minReplicas above maxReplicas"),
    (SERVICE, "spec.replicas", 3, "an autoscaler sets them too"),
    (SERVICE, "spec.strategy.rollingUpdate.maxUnavailable", 1, "takes a pod away"),
    (SERVICE, f"{POD}.terminationGracePeriodSeconds", 27, "is killed before"),
    (SERVICE, f"{CONTAINER}.lifecycle.preStop.sleep.seconds", 18, "is killed before"),
    (SERVICE, f"{CONTAINER}.env.0", {"name": "SERVE_DRAIN", "value": "2"}, "SERVE_DRAIN: no such setting"),
    (SERVICE, f"{CONTAINER}.env.0", {"name": "SERVE_MAX_ROWS", "value": "0"}, "SERVE_MAX_ROWS=0"),
    (SERVICE, f"{CONTAINER}.env.5.value", "/keys", "SERVE_API_KEYS=/keys is not mounted"),
    (SERVICE, f"{CONTAINER}.env", [], "SERVE_HOST=127.0.0.1 is not reached"),
    (SERVICE, f"{CONTAINER}.env", [{"name": "SERVE_STORE", "value": "memory"}], "memory is not shared"),
    (SERVICE, f"{POD}.serviceAccountName", "default", "there is no ServiceAccount default"),
    (SERVICE, f"{POD}.volumes.0.secret", {"secretName": "other"}, "secret other is not documented"),
    ("CronJob/retraining", f"{JOB}.containers.0.envFrom.0.secretRef.name", "other", "secret other is not"),
    ("ServiceMonitor/model-service", "spec.endpoints.0.authorization.credentials.key", "k", "scrape, k is not"),
    ("ConfigMap/checkout", "data", {}, "there is no environment in a ConfigMap checkout"),
    (SERVICE, f"{CONTAINER}.volumeMounts", [], "mounts [], declares ['api-keys'"),
    (SERVICE, f"{POD}.volumes", [], "declares []"),
    ("PersistentVolumeClaim/serving", "metadata.name", "other", "there is no claim serving"),
    ("PersistentVolumeClaim/serving", "spec.accessModes", ["ReadWriteOnce"], "must be ReadWriteMany"),
    ("CronJob/retraining", f"{JOB}.containers.0.volumeMounts.3.readOnly", False, "claim serving is written by ["),
    ("ConfigMap/checkout", "metadata.name", "other", "there is no ConfigMap checkout"),
    (POLICY, "spec.policyTypes", ["Ingress"], "no policy closes"),
    (POLICY, "spec.egress", [], "can't reach port 53"),
    (POLICY, "spec.egress.1", {"ports": [{"port": 443}]}, "can't reach port 6379"),
    (POLICY, "spec.ingress.0.from", [], "namespace monitoring can't reach it"),
    ("NetworkPolicy/model-pipeline", "spec.egress.2", {"ports": [{"port": 22}]}, "can't reach port 443"),
    (SERVICE, f"{POD}.securityContext.runAsNonRoot", False, "runs as root"),
    (SERVICE, f"{POD}.securityContext.seccompProfile", ..., "has no profile"),
    (SERVICE, f"{CONTAINER}.securityContext.allowPrivilegeEscalation", ..., "may gain privileges"),
    (SERVICE, f"{CONTAINER}.securityContext.capabilities", {"drop": []}, "has capabilities"),
    (SERVICE, f"{CONTAINER}.securityContext.readOnlyRootFilesystem", False, "may write its root"),
    ("CronJob/monitoring", f"{JOB}.automountServiceAccountToken", True, "has a token"),
    (SERVICE, f"{POD}.enableServiceLinks", ..., "gets variables"),
    (SERVICE, f"{CONTAINER}.image", "ghcr.io/OWNER/model-service:latest", "a name that may change"),
]


@pytest.mark.parametrize(("title", "path", "value", "said"), PLANTED)
def test_a_planted_fault_is_found(title: str, path: str, value: Any, said: str, outside: Outside) -> None:
    found = faults(planted(rendered("prod"), title, path, value), outside)
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("minReplicas", 13, "minReplicas above maxReplicas"),
        ("minReplicas", 2, "lets no node be drained"),
        ("deploymentStrategy.rollingUpdate.maxSurge", 0, "takes a pod away"),
        ("containers.0.env.1.value", "fraud", "ask for a model of its name"),
        ("containers.0.env.0.value", "v1", "by protocol v2"),
        ("containers.0.readinessProbe.httpGet.path", "/v2/ready", "no route /v2/ready"),
    ],
)
def test_a_planted_fault_of_an_inference_service_is_found(path: str, value: Any, said: str, outside: Outside) -> None:
    overlay, title = PREDICTOR
    found = faults(planted(rendered(overlay), title, f"spec.predictor.{path}", value), outside)
    assert any(said in fault for fault in found), found


def test_no_check_is_idle(outside: Outside) -> None:
    found = set()
    for title, path, value, said in PLANTED:
        objects = planted(rendered("prod"), title, path, value)
        found |= {check for check in CHECKS if any(said in fault for fault in check(objects, outside))}
    assert found == set(CHECKS)


def test_one_digest_goes_through_all_environments() -> None:
    images = {container["image"] for overlay in OVERLAYS for _, container, _ in containers(rendered(overlay))}
    assert len(images) == 2
    digests = re.findall(r"sha256:\w+", "".join(path.read_text() for path in sorted(KUBERNETES.rglob("*.yaml"))))
    assert len(digests) == 2


def test_kserve_runs_the_pods_of_production() -> None:
    """They differ in what KServe asks for: a name, its protocol, and the protocol's own routes of health."""
    ((_, _, plain),), ((_, _, kserve),) = services(rendered("prod")), services(rendered("kserve"))
    assert plain["containers"][0].pop("name") == "service"
    (container,) = kserve["containers"]
    assert container.pop("name") == "kserve-container"
    own = [{"name": "PROTOCOL", "value": "v2"}, {"name": "SERVE_MODEL_NAME", "value": "model-service"}]
    container["env"] = [each for each in container["env"] if each not in own]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container[name]["httpGet"]
        probe["path"] = probe["path"].removeprefix("/v2")
    assert {key: kserve[key] for key in plain} == plain


def test_the_sizes_on_the_page_follow_from_the_benchmark() -> None:
    page, figures = (
        " ".join((ROOT / name).read_text(encoding="utf-8").split())
        for name in ("docs/kubernetes.md", "docs/serving.md")
    )
    rows = {
        "features in the request": "this service",
        "raw transactions, scored": "scored, 1 worker",
        "raw transactions, kept": "kept, 1 worker",
    }
    for requests, measured in rows.items():
        ((rate, micros),) = re.findall(rf"\| {measured} \| ([\d,]+) \| ([\d,]+) \|", figures)
        processors = int(micros) / 1000
        assert f"{micros} us" in page
        assert f"| {requests} | {processors:.3f} | {100 * processors / 0.7:.0f} % |" in page
        assert requests != "features in the request" or f"{rate} requests/s" in page


def test_quantities_are_read_as_kubernetes_reads_them() -> None:
    assert [quantity(text) for text in ("250m", "2", "512Mi", "1G")] == [0.25, 2.0, 512 * 2.0**20, 1e9]


def test_the_page_names_each_secret_that_is_used(outside: Outside) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(KUBERNETES.rglob("*.yaml")))
    assert not [name for name, key in outside.secrets if name not in text]


@pytest.mark.nightly
def test_the_page_can_be_followed_without_a_cluster() -> None:
    """Run the commands of the page that need kubectl alone."""
    marked = [block for block in blocks(PAGE) if "kubectl" in block.marks]
    tool("kubernetes-validate")
    path = f"{Path(tool('kubectl')).parent}:/usr/bin:/bin"
    (shell,) = (block.text for block in marked if block.language == "sh")
    (promised,) = (block.text for block in marked if block.language == "text")
    command = ["sh", "-ceu", shell]
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": path}, check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.endswith(promised)
    assert "ERROR" not in done.stdout
