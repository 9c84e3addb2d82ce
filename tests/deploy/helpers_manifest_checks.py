"""What no schema of Kubernetes knows: whether its objects fit each other and the service. Each check yields faults."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from service.settings import Settings, load_settings
from tests.deploy.helpers_manifests import (
    Object,
    containers,
    environment,
    matches,
    of_kind,
    pods,
    quantity,
    services,
    titled,
)

PINNED = re.compile(r".+@sha256:[0-9a-f]{64}").fullmatch
STORE = "redis://:password@redis:6379/0"  # stands for what the secret holds
MONITORS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}


class Outside(NamedTuple):
    """What the objects may lean on: paths of the service; secrets (name, key) and claims that users make."""

    paths: frozenset[str]
    secrets: frozenset[tuple[str, str]]
    claims: frozenset[str]


Faults = Iterator[str]
Check = Callable[[Sequence[Object], Outside], Faults]


def resources(objects: Sequence[Object], outside: Outside) -> Faults:
    """A container asks for both, is limited in memory, and asks for no more than its limit."""
    for name, container, _ in containers(objects):
        requests, limits = (container.get("resources", {}).get(part, {}) for part in ("requests", "limits"))
        missing = {"cpu", "memory"} - set(requests)
        if missing or "memory" not in limits:
            yield f"{name}: resources without {', '.join(sorted(missing)) or 'a limit of memory'}"
        for kind in set(requests) & set(limits):
            if quantity(requests[kind]) > quantity(limits[kind]):
                yield f"{name}: requests {requests[kind]} of {kind}, limited to {limits[kind]}"


def selectors(objects: Sequence[Object], outside: Outside) -> Faults:
    """Whoever selects, selects something."""
    labels = [each.labels for each in pods(objects)]
    for each in objects:
        spec, candidates = each.get("spec", {}), labels
        match each["kind"]:
            case "Service":
                selector = spec["selector"]
            case "PodDisruptionBudget" | "PodMonitor":
                selector = spec["selector"]["matchLabels"]
            case "NetworkPolicy":
                selector = spec["podSelector"]["matchLabels"]
            case "Deployment":
                selector, candidates = spec["selector"]["matchLabels"], [spec["template"]["metadata"]["labels"]]
            case "ServiceMonitor":
                selector = spec["selector"]["matchLabels"]
                candidates = [other["metadata"].get("labels", {}) for other in of_kind(objects, "Service")]
            case _:
                continue
        if not any(matches(selector, candidate) for candidate in candidates):
            yield f"{titled(each)} selects nothing"
    for pod in services(objects):
        for spread in pod.spec["topologySpreadConstraints"]:
            if not matches(spread["labelSelector"]["matchLabels"], pod.labels):
                yield f"{pod.owner}: is spread by labels that it does not have"


def ports(objects: Sequence[Object], outside: Outside) -> Faults:
    """A port that is named exists, and the service listens on it."""
    of_pods = {port["name"] for _, container, _ in containers(objects) for port in container.get("ports", ())}
    of_services = {port["name"] for each in of_kind(objects, "Service") for port in each["spec"]["ports"]}
    named = [
        ("Service", port["targetPort"], of_pods)
        for each in of_kind(objects, "Service")
        for port in each["spec"]["ports"]
    ]
    for kind, key in MONITORS.items():
        known = of_services if kind == "ServiceMonitor" else of_pods
        named += [(kind, point["port"], known) for each in of_kind(objects, kind) for point in each["spec"][key]]
    for name, container, _ in containers(objects):
        own = {port["name"] for port in container.get("ports", ())}
        named += [(name, probe["httpGet"]["port"], own) for probe in probes(container)]
    for policy in of_kind(objects, "NetworkPolicy"):
        entries = [port["port"] for rule in policy["spec"].get("ingress", ()) for port in rule["ports"]]
        named += [(titled(policy), port, of_pods) for port in entries if isinstance(port, str)]
    yield from (f"{name}: there is no port {port}" for name, port, known in named if port not in known)
    for name, container, _ in containers(objects):
        for port in container.get("ports", ()):
            if str(port["containerPort"]) != environment(container).get("SERVE_PORT"):
                yield f"{name}: containerPort {port['containerPort']} is not SERVE_PORT"


def probes(container: Object) -> list[Object]:
    """Return the probes of a container."""
    return [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container]


def paths(objects: Sequence[Object], outside: Outside) -> Faults:
    """What is asked over HTTP is a route of the service; a service has all three probes."""
    asked = [
        (each.owner, probe["httpGet"]["path"])
        for each in services(objects)
        for c in each.spec["containers"]
        for probe in probes(c)
    ]
    if len(asked) != 3:
        yield f"{len(asked)} probes instead of 3"
    for kind, key in MONITORS.items():
        asked += [(titled(each), point["path"]) for each in of_kind(objects, kind) for point in each["spec"][key]]
    yield from (f"{name}: the service has no route {path}" for name, path in asked if path not in outside.paths)


def least_replicas(objects: Sequence[Object]) -> int:
    """Return how many pods of the service there are at least."""
    scaled = of_kind(objects, "HorizontalPodAutoscaler")
    if scaled:
        return int(scaled[0]["spec"]["minReplicas"])
    (owner,) = of_kind(objects, "Deployment", "InferenceService")
    return int(
        owner["spec"]["replicas"] if owner["kind"] == "Deployment" else owner["spec"]["predictor"]["minReplicas"]
    )


def budget(objects: Sequence[Object], outside: Outside) -> Faults:
    """A node can be drained: the budget leaves one pod that may go."""
    for each in of_kind(objects, "PodDisruptionBudget"):
        if each["spec"]["minAvailable"] >= least_replicas(objects):
            yield f"{titled(each)}: minAvailable of at least {least_replicas(objects)} replicas lets no node be drained"


def scaling(objects: Sequence[Object], outside: Outside) -> Faults:
    """The autoscaler has a target whose number nobody else sets; the least is not above the most."""
    numbers = [(titled(each), each["spec"]["predictor"]) for each in of_kind(objects, "InferenceService")]
    for each in of_kind(objects, "HorizontalPodAutoscaler"):
        numbers.append((titled(each), each["spec"]))
        target = f"{each['spec']['scaleTargetRef']['kind']}/{each['spec']['scaleTargetRef']['name']}"
        owners = {titled(other): other for other in objects}
        if target not in owners:
            yield f"{titled(each)}: there is no {target}"
        elif "replicas" in owners[target]["spec"]:
            yield f"{target}: replicas are set, and an autoscaler sets them too"
    yield from (
        f"{name}: minReplicas above maxReplicas" for name, it in numbers if it["minReplicas"] > it["maxReplicas"]
    )


def rollout(objects: Sequence[Object], outside: Outside) -> Faults:
    """No pod goes before another one has come."""
    for each in of_kind(objects, "Deployment", "InferenceService"):
        spec = each["spec"]
        strategy = spec["strategy"] if each["kind"] == "Deployment" else spec["predictor"]["deploymentStrategy"]
        rolling = strategy.get("rollingUpdate", {})
        if strategy["type"] != "RollingUpdate" or rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            yield f"{titled(each)}: an update takes a pod away before another one has come"


def settings_of(container: Object) -> Settings:
    """Return the service's settings in a container; what comes from a secret is a Redis server."""
    given = {each["name"]: each.get("value", STORE) for each in container["env"]}
    return load_settings({name: value for name, value in given.items() if name.startswith("SERVE_")})


def settings(objects: Sequence[Object], outside: Outside) -> Faults:
    """The settings exist and can be read; their files are mounted; a pod is reached, and ends before it is killed."""
    for pod in services(objects):
        (container,) = pod.spec["containers"]
        try:
            found = settings_of(container)
        except PipelineError as error:
            yield f"{pod.owner}: {error}"
            continue
        if found.host != "0.0.0.0":
            yield f"{pod.owner}: SERVE_HOST={found.host} is not reached from outside the pod"
        mounted = tuple(f"{each['mountPath']}/" for each in container["volumeMounts"])
        files = {"SERVE_ROUTE": getattr(found, "route", ""), "SERVE_API_KEYS": found.api_keys}
        yield from (
            f"{pod.owner}: {name}={file} is not mounted"
            for name, file in files.items()
            if file and not f"{file}/".startswith(mounted)
        )
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        if not pod.spec["terminationGracePeriodSeconds"] > sleep + found.linger_seconds + found.drain_seconds:
            yield f"{pod.owner}: is killed before preStop, linger and drain are over"
        if not found.store.startswith("redis") and least_replicas(objects) > 1:
            yield f"{pod.owner}: SERVE_STORE={found.store} is not shared by its replicas"
    for each in of_kind(objects, "InferenceService"):
        given = environment(each["spec"]["predictor"]["containers"][0])
        if given.get("SERVE_MODEL_NAME") != each["metadata"]["name"] or given.get("PROTOCOL") != "v2":
            yield f"{titled(each)}: KServe's callers ask for a model of its name, by protocol v2"


def references(objects: Sequence[Object], outside: Outside) -> Faults:
    """A secret is in the documented list; what else is referred to is among the objects."""
    have = {titled(each): each for each in objects}
    for name, container, spec in containers(objects):
        for source in (each["valueFrom"] for each in container.get("env", ()) if "valueFrom" in each):
            secret, of_map = source.get("secretKeyRef"), source.get("configMapKeyRef")
            if secret and (secret["name"], secret["key"]) not in outside.secrets:
                yield f"{name}: secret {secret['name']}, {secret['key']} is not documented"
            if of_map and of_map["key"] not in have.get(f"ConfigMap/{of_map['name']}", {}).get("data", {}):
                yield f"{name}: there is no {of_map['key']} in a ConfigMap {of_map['name']}"
        if f"ServiceAccount/{spec['serviceAccountName']}" not in have:
            yield f"{name}: there is no ServiceAccount {spec['serviceAccountName']}"
        known = {secret for secret, _ in outside.secrets}
        named = [each["secretRef"]["name"] for each in container.get("envFrom", ())]
        named += [each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each]
        yield from (f"{name}: secret {each} is not documented" for each in named if each not in known)
    for kind, key in MONITORS.items():
        for point in (point for each in of_kind(objects, kind) for point in each["spec"][key]):
            secret = point["authorization"]["credentials"]
            if (secret["name"], secret["key"]) not in outside.secrets:
                yield f"{kind}: secret {secret['name']}, {secret['key']} is not documented"


def volumes(objects: Sequence[Object], outside: Outside) -> Faults:
    """What is mounted is declared and the other way round; claims exist; one job alone writes what all read."""
    claims = {each["metadata"]["name"]: each for each in of_kind(objects, "PersistentVolumeClaim")}
    maps = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    writers: dict[str, list[str]] = {}
    for name, container, spec in containers(objects):
        declared = {each["name"]: each for each in spec["volumes"]}
        mounted = {each["name"]: each for each in container["volumeMounts"]}
        if set(declared) != set(mounted):
            yield f"{name}: mounts {sorted(mounted)}, declares {sorted(declared)}"
        for each in declared.values():
            claim = each.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims and claim not in outside.claims:
                yield f"{name}: there is no claim {claim}"
            if claim and not mounted.get(each["name"], {}).get("readOnly"):
                writers.setdefault(claim, []).append(name)
            if "configMap" in each and each["configMap"]["name"] not in maps:
                yield f"{name}: there is no ConfigMap {each['configMap']['name']}"
    yield from (f"claim {claim} is written by {who}" for claim, who in writers.items() if len(who) > 1)
    for claim, each in claims.items():
        if each["spec"]["accessModes"] != ["ReadWriteMany"]:
            yield f"claim {claim}: pods of several nodes mount it, so it must be ReadWriteMany"


def network(objects: Sequence[Object], outside: Outside) -> Faults:
    """Each pod has a policy. The service is reached by callers and Prometheus, and reaches DNS and its store."""
    policies = [each["spec"] for each in of_kind(objects, "NetworkPolicy")]
    for pod in pods(objects):
        own = [each for each in policies if matches(each["podSelector"]["matchLabels"], pod.labels)]
        if not own or any({"Ingress", "Egress"} - set(each["policyTypes"]) for each in own):
            yield f"{pod.owner}: no policy closes what is not allowed"
        out = {port["port"] for each in own for rule in each.get("egress", ()) for port in rule["ports"]}
        is_service = not pod.owner.startswith("CronJob")
        wanted = {53} | ({6379} if is_service else {443})
        yield from (f"{pod.owner}: can't reach port {port}" for port in sorted(wanted - out))
        rules = [
            rule
            for each in own
            for rule in each.get("ingress", ())
            if {"port": "http", "protocol": "TCP"} in rule["ports"]
        ]
        spaces = {
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in rules for peer in rule["from"] if "namespaceSelector" in peer
        }  # fmt: skip
        if is_service:
            yield from (
                f"{pod.owner}: namespace {name} can't reach it" for name in sorted({"gateway", "monitoring"} - spaces)
            )


def restricted(objects: Sequence[Object], outside: Outside) -> Faults:
    """Pods keep to the level `restricted` of the Pod Security Standards, write only volumes, and have no token."""
    for name, container, spec in containers(objects):
        pod, own = spec["securityContext"], container["securityContext"]
        wanted = {
            "runs as root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 0) > 0,
            "has no profile of seccomp": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "may gain privileges": own.get("allowPrivilegeEscalation") is False,
            "has capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "may write its root": own.get("readOnlyRootFilesystem") is True,
            "has a token": spec.get("automountServiceAccountToken") is False,
            "gets variables of other Services": spec.get("enableServiceLinks") is False,
            "takes an image by a name that may change": PINNED(container["image"]) is not None,
        }
        yield from (f"{name}: {fault}" for fault, is_right in wanted.items() if not is_right)


CHECKS: tuple[Check, ...] = (
    resources, selectors, ports, paths, budget, scaling, rollout, settings, references, volumes, network, restricted,
)  # fmt: skip


def faults(objects: Sequence[Object], outside: Outside) -> list[str]:
    """Return what all checks find."""
    return [fault for check in CHECKS for fault in check(objects, outside)]
