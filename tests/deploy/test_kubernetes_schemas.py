"""The objects by the schemas of the API in three versions, and by schemas of our own for custom resources."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.helpers_manifests import OVERLAYS, Object, of_kind, planted, rendered
from tests.graph import ROOT
from tests.helpers_tools import tool

VERSIONS = ("1.31.0", "1.34.0", "1.37.0")
CUSTOM = json.loads((ROOT / "tests/deploy/schemas/custom-resources.json").read_text(encoding="utf-8"))
CONTAINER = "spec.template.spec.containers.0"


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


@pytest.mark.nightly
def test_the_api_s_schemas_refuse_what_is_wrong(tmp_path: Path) -> None:
    objects = of_kind(rendered("prod"), "Deployment", "HorizontalPodAutoscaler")
    wrong = [
        *planted(objects, "Deployment/model-service", f"{CONTAINER}.readinessProbe.httpGet.pth", "/"),
        *planted(objects, "Deployment/model-service", f"{CONTAINER}.ports.0.containerPort", "8080"),
        *planted(objects, "HorizontalPodAutoscaler/model-service", "spec.maxReplicas", ...),
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
