"""What kustomize makes of deploy/kubernetes: held against the API's schemas, and checks that are each seen to fail."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from lifecycle.bundle.manifest import read_manifest
from lifecycle.core.release_params import ReleaseParams
from lifecycle.release.route import Route, change_route
from tests.deploy.helpers_manifest_checks import CHECKS, Outside, faults, probes
from tests.deploy.helpers_manifests import (
    KUBERNETES,
    OVERLAYS,
    Object,
    containers,
    environment,
    of_kind,
    planted,
    quantity,
    rendered,
    services,
)
from tests.docs import blocks
from tests.graph import ROOT
from tests.helpers_tools import tool
from tests.service.helpers_protocols import described, history_bundle
from tests.service.helpers_serving import service

PAGE = ROOT / "docs/kubernetes.md"
VERSIONS = ("1.31.0", "1.34.0", "1.37.0")
CUSTOM = json.loads((ROOT / "tests/deploy/schemas/custom-resources.json").read_text(encoding="utf-8"))
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


def pod_of_predictor(each: Object) -> Object:
    """Return the pod of an InferenceService: all that is not KServe's own."""
    own = CUSTOM["$defs"]["predictor"]["properties"]
    spec = {name: value for name, value in each["spec"]["predictor"].items() if name not in own}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": spec}


def custom(each: Object) -> None:
    """Hold a custom resource against its schema."""
    jsonschema.validate(each, CUSTOM | {"$ref": f"#/$defs/{each['kind']}"})


def by_schema(objects: Sequence[Object], version: str, folder: Path) -> str:
    """Return what kubernetes-validate says of objects that are not custom resources; empty: they are right."""
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    command = [tool("kubernetes-validate"), "--strict", "--quiet", "-k", version, str(folder / "objects.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout


def different(objects: Sequence[Object]) -> list[Object]:
    """Return objects of several overlays, those once that differ in their namespace alone."""
    found = {}
    for each in objects:
        each["metadata"].pop("namespace", None)
        found[json.dumps(each, sort_keys=True)] = each
    return list(found.values())


@pytest.mark.parametrize(
    "version", [pytest.param(each, marks=[pytest.mark.nightly] * (each != VERSIONS[-1])) for each in VERSIONS]
)
def test_the_objects_are_those_of_the_api(version: str, tmp_path: Path) -> None:
    objects = different([each for overlay in OVERLAYS for each in rendered(overlay)])
    customs = of_kind(objects, "ServiceMonitor", "PodMonitor", "InferenceService")
    for each in customs:
        custom(each)
    predictors = [pod_of_predictor(each) for each in of_kind(objects, "InferenceService")]
    assert by_schema([*(each for each in objects if each not in customs), *predictors], version, tmp_path) == ""


def test_the_api_s_schemas_refuse_what_is_wrong(tmp_path: Path) -> None:
    objects = of_kind(rendered("prod"), "Deployment", "HorizontalPodAutoscaler")
    wrong = [
        *planted(objects, SERVICE, f"{CONTAINER}.readinessProbe.httpGet.pth", "/"),
        *planted(objects, SERVICE, f"{CONTAINER}.ports.0.containerPort", "8080"),
        *planted(objects, SCALER, "spec.maxReplicas", ...),
    ]
    lines = by_schema(different(wrong), VERSIONS[-1], tmp_path).splitlines()
    assert [any(said in line for line in lines) for said in ("pth", "'8080' is not of type", "maxReplicas")] == [
        True
    ] * 3
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ServiceMonitor", "spec.endpoints.0.interval", "5"),
        ("ServiceMonitor", "spec.endpoints.0.prt", "http"),
        ("ServiceMonitor", "spec.selector", ...),
        ("PodMonitor", "spec.podMetricsEndpoints.0.authorization.credentials.key", ...),
        ("InferenceService", "spec.predictor.minReplicas", "3"),
        ("InferenceService", "spec.predictor.scaleMetric", "latency"),
        ("InferenceService", "spec.predictor.deploymentStrategy.rollingUpdate.maxSurges", 1),
        ("InferenceService", "spec.transformers", {}),
    ],
)
def test_the_schemas_of_custom_resources_refuse_what_is_wrong(kind: str, path: str, value: Any) -> None:
    overlay = "prod" if kind == "ServiceMonitor" else "kserve"
    (wrong,) = planted(of_kind(rendered(overlay), kind), f"{kind}/model-service", path, value)
    with pytest.raises(jsonschema.ValidationError):
        custom(wrong)


def test_a_job_comes_to_the_project_as_its_environment(tmp_path: Path) -> None:
    """Run the script of the ConfigMap with a repository of its own, and ask the project which environment it is."""
    origin = tmp_path / "origin"
    origin.mkdir()
    shutil.copy(ROOT / "params.yaml", origin)
    git = "git -c user.name=a -c user.email=a@b"
    subprocess.run(f"git init -q && git add . && {git} commit -qm One", shell=True, cwd=origin, check=True)
    (checkout,) = of_kind(rendered("dev"), "ConfigMap")
    variables = {"REPOSITORY": str(origin), "ENVIRONMENT": checkout["data"]["environment"]}
    script = checkout["data"]["checkout.sh"]
    done = subprocess.run(
        ["sh", "-ceu", f"{script}\npwd"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **variables}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(tmp_path / "project")
    found, given = (yaml.safe_load((tmp_path / name / "params.yaml").read_text()) for name in ("project", "origin"))
    assert ReleaseParams.model_validate(found["release"]).environment == "dev"
    assert found == given | {"release": given["release"] | {"environment": "dev"}}
    assert (tmp_path / "project" / ReleaseParams.model_validate(found["release"]).folder).readlink() == Path("/serving")


def test_the_service_starts_with_its_pod_s_environment_and_ends_in_time(tmp_path: Path) -> None:
    """Run it with the paths of the pod below a folder of ours, in memory instead of Redis, on loopback."""
    objects = rendered("prod")
    (pod,), (monitor,) = services(objects), of_kind(objects, "ServiceMonitor")
    (container,) = pod.spec["containers"]
    bundle = history_bundle(tmp_path / "bundle")
    version = read_manifest(tmp_path / "bundle").version
    shutil.copytree(tmp_path / "bundle", tmp_path / "serving/bundles" / version)
    change_route(tmp_path / "serving", lambda _: Route(1, "single", version))
    (tmp_path / "secrets/api-keys").mkdir(parents=True)
    key = f"prometheus:{hashlib.sha256(b'key').hexdigest()}\n"
    (tmp_path / "secrets/api-keys/clients").write_text(key, encoding="utf-8")
    given = environment(container) | {"SERVE_HOST": "127.0.0.1", "SERVE_PORT": "0", "SERVE_STORE": "memory"}
    settings = {
        name.removeprefix("SERVE_").lower(): f"{tmp_path}{value}" if value.startswith("/") else value
        for name, value in given.items()
    }
    with service(tmp_path, tmp_path / "none", **settings) as running:
        for probe in probes(container):
            assert running.ask("GET", probe["httpGet"]["path"]).status == 200
        assert running.ask("GET", "/health/ready").json["version"] == bundle.version
        (endpoint,) = monitor["spec"]["endpoints"]
        assert running.ask("GET", endpoint["path"]).status == 401
        assert b"serve_in_flight" in running.ask("GET", endpoint["path"], authorization="Bearer key").body
        running.process.terminate()
        left = pod.spec["terminationGracePeriodSeconds"] - container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert running.process.wait(left) == 0


def test_the_image_of_the_jobs_is_linted() -> None:
    command = [tool("hadolint"), str(KUBERNETES / "pipeline/Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_shell_of_each_job_is_valid() -> None:
    for name, container, _ in containers(of_kind(rendered("prod"), "CronJob")):
        assert container["command"] == ["sh", "-ceu"], name
        subprocess.run(["sh", "-n"], input=container["args"][0], text=True, check=True)


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
