"""What the pods run: the service with its variables, the jobs' first steps, and their image."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import yaml

from lifecycle.bundle.manifest import read_manifest
from lifecycle.core.release_params import ReleaseParams
from lifecycle.release.route import Route, change_route
from tests.deploy.helpers_manifest_checks import probes
from tests.deploy.helpers_manifests import KUBERNETES, containers, environment, of_kind, rendered, services
from tests.graph import ROOT
from tests.helpers_tools import tool
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import service


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
    command = ["sh", "-ceu", f"{script}\npwd && git status --porcelain"]
    variables["PATH"] = "/usr/bin:/bin"
    done = subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(tmp_path / "project"), " M params.yaml"]
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
