"""Objects of Kubernetes as kustomize or Helm render them, and their parts."""

import copy
import functools
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from tests.graph import ROOT
from tests.helpers_tools import tool

Object = dict[str, Any]
KUBERNETES = ROOT / "deploy/kubernetes"
OVERLAYS = ("dev", "test", "prod", "kserve")


class Pods(NamedTuple):
    """What an object makes pods of: its kind and name, their labels and their specification."""

    owner: str
    labels: dict[str, str]
    spec: Object


@functools.cache
def _rendered(overlay: str) -> list[Object]:
    command = [tool("kubectl"), "kustomize", str(KUBERNETES / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return list(yaml.safe_load_all(done.stdout))


def rendered(overlay: str) -> list[Object]:
    """Return what kustomize makes of an overlay; the caller may change it."""
    return copy.deepcopy(_rendered(overlay))


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def titled(each: Object) -> str:
    """Return the kind and the name of an object."""
    return f"{each['kind']}/{each['metadata']['name']}"


def pods(objects: Sequence[Object]) -> list[Pods]:
    """Return the pods that the objects lead to."""
    found = []
    for each in objects:
        match each["kind"]:
            case "Deployment":
                template = each["spec"]["template"]
            case "CronJob":
                template = each["spec"]["jobTemplate"]["spec"]["template"]
            case "InferenceService":  # KServe takes a pod's specification with fields of its own beside it
                predictor = each["spec"]["predictor"]
                template = {"metadata": {"labels": predictor["labels"]}, "spec": predictor}
            case _:
                continue
        found.append(Pods(titled(each), template["metadata"]["labels"], template["spec"]))
    return found


def services(objects: Sequence[Object]) -> list[Pods]:
    """Return the pods that answer requests."""
    return [each for each in pods(objects) if not each.owner.startswith("CronJob")]


def containers(objects: Sequence[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Yield each container with its name in words, and the specification of its pod."""
    for each in pods(objects):
        for container in each.spec["containers"]:
            yield f"{each.owner}, {container['name']}", container, each.spec


def environment(container: Object) -> dict[str, str]:
    """Return the variables that stand in the object as they are."""
    return {each["name"]: each["value"] for each in container.get("env", ()) if "value" in each}


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Tell whether a selector takes what has these labels."""
    return selector.items() <= labels.items()


def quantity(text: str) -> float:
    """Return a quantity of Kubernetes, such as 500m or 2Gi, as a number.

    >>> quantity("500m"), quantity("2Gi"), quantity("1.5")
    (0.5, 2147483648.0, 1.5)
    """
    units = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
    unit = next((unit for unit in ("Ki", "Mi", "Gi", *units) if text.endswith(unit)), "")
    return float(text.removesuffix(unit)) * units.get(unit, 1.0)


def planted(objects: Sequence[Object], title: str, path: str, value: Any) -> list[Object]:
    """Return copies of the objects with one value replaced, or taken away where it is `...`.

    Parameters
    ----------
    objects : sequence of dict
        They stay as they are.
    title : str
        Kind and name of the object, as in Service/model-service.
    path : str
        Keys and places in lists, with dots between them.
    value : object
        What is put there.
    """
    changed = copy.deepcopy(list(objects))
    (place,) = (each for each in changed if titled(each) == title)
    *way, last = (int(key) if key.isdecimal() else key for key in path.split("."))
    for key in way:
        place = place[key]  # type: ignore[index]
    if value is ...:
        del place[last]  # type: ignore[arg-type]
    else:
        place[last] = value  # type: ignore[index]
    return changed
