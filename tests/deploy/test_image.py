"""The image of the service, built by `make image` on a real Docker engine and run with few rights."""

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import copy_repository
from tests.deploy.helpers_docker import HARDENED, Container, Engine, base_image, container, engine
from tests.docs import blocks
from tests.graph import ROOT
from tests.helpers_tools import tool
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import Load
from tests.test_docs import follow, with_environment

pytestmark = pytest.mark.nightly
PAGE = ROOT / "docs/deploy.md"
BODY = {"features": [57.16, 0.9, 10, 12.5, 0, 0]}
WITHOUT_BUNDLE = 190e6  # bytes; the bundle of the worked problem adds 34 MB
STOPPED = ("--time", "30")  # seconds: more than SERVE_LINGER_SECONDS and SERVE_DRAIN_SECONDS


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as found:
        base_image(found)
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_repository(tmp_path_factory.mktemp("image") / "project")
    history_bundle(folder / "models/bundle")
    return folder


def build(docker: Engine, project: Path, name: str, *options: str) -> str:
    """Build with `make image`; return the image's name."""
    command = ["make", "-o", ".venv/.ready", "image", f"IMAGE={name}", f"BUILD=--network host {' '.join(options)}"]
    done = subprocess.run(command, cwd=project, env=docker.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return docker("images", "--format", "{{.Repository}}:{{.Tag}}", name).splitlines()[0]


@pytest.fixture(scope="module")
def image(docker: Engine, project: Path) -> str:
    return build(docker, project, "model-service")


@pytest.fixture(scope="module")
def bare(docker: Engine, project: Path, image: str) -> str:
    """Give the image without a bundle."""
    return build(docker, project, "without-bundle", "--target service")


def manifest(project: Path) -> str:
    return hashlib.sha256((project / "models/bundle/manifest.json").read_bytes()).hexdigest()


def test_it_is_small_has_no_root_and_says_what_is_in_it(docker: Engine, project: Path, image: str, bare: str) -> None:
    assert docker.inspect(bare, ".Size") < WITHOUT_BUNDLE
    assert docker.inspect(image, ".Config.User") == "10001:10001"
    labels: Any = docker.inspect(image, ".Config.Labels")
    assert labels["mlops.bundle.manifest.sha256"] == manifest(project)
    assert image.removeprefix("model-service:") == labels["org.opencontainers.image.version"] == manifest(project)[:12]
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project, text=True).strip()
    assert labels["org.opencontainers.image.revision"].startswith(commit)


def test_another_build_elsewhere_gives_the_same_layers(
    docker: Engine, project: Path, image: str, tmp_path: Path
) -> None:
    other = shutil.copytree(project, tmp_path / "other")
    for path in other.rglob("*"):
        path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
        os.utime(path, (1, 1))
    again = build(docker, other, "again", "--no-cache")
    assert docker.inspect(again, ".RootFS.Layers") == docker.inspect(image, ".RootFS.Layers")


def test_only_the_bundle_that_the_label_names_gets_in_and_only_whole(
    docker: Engine, project: Path, image: str, tmp_path: Path
) -> None:
    command = ["build", "--network", "host", "--file", project / "deploy/docker/Dockerfile"]
    assert "give the sha256" in docker(*command, project, fails=True)
    other = ["--build-arg", f"BUNDLE_SHA256={'0' * 64}"]
    assert "did NOT match" in docker(*command, *other, project, fails=True)
    damaged = shutil.copytree(project, tmp_path / "damaged")
    with (damaged / "models/bundle/model.onnx").open("ab") as file:
        file.write(b"x")
    right = ["--build-arg", f"BUNDLE_SHA256={manifest(project)}"]
    assert "model.onnx: damaged" in docker(*command, *right, damaged, fails=True)


def test_every_protocol_answers_with_few_rights_and_nothing_can_be_written(docker: Engine, image: str) -> None:
    with container(docker, image, SERVE_STORE="memory") as running:
        described = running.ask("GET", "/openapi.json").json
        names = {f"{{{key}}}": described["info"][value] for key, value in (("name", "title"), ("version", "version"))}
        asked = 0
        for path, methods in described["paths"].items():
            for part, value in names.items():
                path = path.replace(part, value)  # noqa: PLW2901
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                examples = content.get("application/json", {}).get("examples", {})
                for body in [each["value"] for each in examples.values()] or [None] * (method == "get"):
                    answer = running.ask(method.upper(), path, body)
                    assert answer.status == 200, (method, path, body, answer)
                    asked += 1
        assert asked > 30
        refused = docker("exec", running.name, "/usr/local/bin/python3", "-c", "open('/app/x', 'w')", fails=True)
        assert "Read-only file system" in refused
        for shell in ("sh", "/bin/sh", "bash", "/bin/busybox"):
            assert "exec failed" in docker("exec", running.name, shell, "-c", "id", fails=True)
        assert docker("exec", running.name, "/usr/local/bin/python3", "-c", "import os; print(os.getuid())") == "10001"


def test_several_processes_fit_into_the_limits(docker: Engine, image: str) -> None:
    options = ["--tmpfs", "/store:uid=10001"]
    with container(docker, image, options, SERVE_WORKERS="2", SERVE_STORE="/store") as running:
        assert running.ask("POST", "/predict", BODY).status == 200


def test_the_health_check_sees_a_service_that_is_ready_and_one_that_is_not(docker: Engine, image: str) -> None:
    check: Any = docker.inspect(image, ".Config.Healthcheck.Test")
    with container(docker, image) as running:
        docker("exec", running.name, *check[1:])
        done = docker("exec", "--env", "SERVE_PORT=1", running.name, *check[1:], fails=True)
        assert "127.0.0.1:1 does not answer" in done


def test_it_is_stopped_under_load_and_no_request_is_cut(docker: Engine, image: str) -> None:
    async def stopped(running: Container) -> Load:
        async with Load(running.port, body=BODY) as load:
            await load.answered(500)
            await asyncio.to_thread(docker, "stop", *STOPPED, running.name)
        return load

    with container(docker, image) as running:
        load = asyncio.run(stopped(running))
        assert load.cut == []
        assert set(load.statuses) == {200}
        assert docker.inspect(running.name, ".State.ExitCode") == 0
        assert not docker.inspect(running.name, ".State.OOMKilled")


def payment(number: int, amount: float) -> dict[str, Any]:
    entities = {"customer_id": 1, "terminal_id": 2}
    return {"transaction_id": number, "tx_time": f"2018-10-01T10:{number:02d}:00", "amount": amount, **entities}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_a_store_on_a_volume_has_acknowledged_survives_the_container(docker: Engine, image: str, end: str) -> None:
    volume = docker("volume", "create")
    options = ["--volume", f"{volume}:/store"]
    events = {"events": [payment(number, 10.25) for number in range(40)]}
    question = {"records": [payment(59, 900.5)], "reasons": 6}
    try:
        with container(docker, image, options, SERVE_STORE="/store") as running:
            assert running.ask("POST", "/events", events).json["accepted"] == 40
            answer = running.ask("POST", "/predict", question).json["predictions"]
            docker(end, running.name)
        with container(docker, image, options, SERVE_STORE="/store") as running:
            assert running.ask("POST", "/predict", question).json["predictions"] == answer
            again = running.ask("POST", "/events", events).json
            assert (again["accepted"], again["repeated"]) == (0, 40)
    finally:
        docker("volume", "rm", "--force", volume)


@contextmanager
def name_server(folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Answer nothing and note each name; yield the options of a container that asks it, and the names."""
    address, names = "127.0.0.97", list[str]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((address, 53))
        except PermissionError:
            pytest.skip("port 53 needs root")
        threading.Thread(target=_note, args=(server, names), daemon=True).start()
        config = folder / "resolv.conf"
        config.write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")
        config.chmod(0o644)
        yield ["--volume", f"{config}:/etc/resolv.conf:ro"], names


def _note(server: socket.socket, names: list[str]) -> None:
    while True:
        try:
            question, _ = server.recvfrom(512)
        except OSError:
            return
        labels, rest = [], question[12:]
        while rest[0]:
            labels.append(rest[1 : 1 + rest[0]].decode())
            rest = rest[1 + rest[0] :]
        names.append(".".join(labels))


def test_it_looks_up_no_name(docker: Engine, image: str, tmp_path: Path) -> None:
    with name_server(tmp_path) as (options, names):
        asks = [
            "--entrypoint",
            "/usr/local/bin/python3",
            image,
            "-c",
            "import socket; socket.gethostbyname('a.example.org')",
        ]
        docker("run", "--rm", "--network", "host", *options, *asks, fails=True)
        assert set(names) == {"a.example.org"}
        names.clear()
        with container(docker, image, options) as running:
            assert running.ask("POST", "/predict", BODY).status == 200
            docker("stop", *STOPPED, running.name)
        assert names == []


def test_a_bundle_is_mounted_into_the_image_without_one(docker: Engine, project: Path, bare: str) -> None:
    options = ["--volume", f"{project}/models/bundle:/app/models/bundle:ro"]
    with container(docker, bare, options) as running:
        assert running.ask("POST", "/predict", BODY).status == 200
    name = docker("run", "--detach", "--network", "host", *HARDENED, bare)
    assert docker("wait", name) == "1"
    assert "there is no bundle" in docker("logs", name)
    docker("rm", name)


def test_it_also_stands_on_the_base_image(docker: Engine, project: Path, image: str) -> None:
    slim = build(docker, project, "on-slim", "--build-arg BASE=slim")
    with container(docker, slim) as running:
        assert running.ask("POST", "/predict", BODY).status == 200
        assert docker("exec", running.name, "sh", "-c", "id -u") == "10001"


def test_sagemaker_starts_it(docker: Engine, project: Path, bare: str) -> None:
    """`docker run IMAGE serve` as root, the model's archive unpacked to /opt/ml/model."""
    options = ["--user", "0", "--volume", f"{project}/models/bundle:/opt/ml/model:ro"]
    with container(docker, bare, options, ["serve"], port_variable="SAGEMAKER_BIND_TO_PORT",
                   SERVE_BUNDLE="/opt/ml/model") as running:  # fmt: skip
        assert running.ask("GET", "/ping").status == 200
        answer = running.ask("POST", "/invocations", b"57.16,0.9,10,12.5,0,0", content_type="text/csv")
        assert len(answer.json["predictions"]) == 1
        docker("stop", *STOPPED, running.name)
        assert docker.inspect(running.name, ".State.ExitCode") == 0


def test_vertex_starts_it(docker: Engine, project: Path, bare: str) -> None:
    """Port, routes and the folder of the model come in variables."""
    options = ["--volume", f"{project}/models/bundle:/gcs/bucket/fraud:ro"]
    variables = {
        "AIP_HEALTH_ROUTE": "/v1/health", "AIP_PREDICT_ROUTE": "/v1/predict", "AIP_STORAGE_URI": "gs://bucket/fraud",
    }  # fmt: skip
    with container(docker, bare, options, port_variable="AIP_HTTP_PORT", **variables) as running:
        assert running.ask("GET", "/v1/health").status == 200
        assert len(running.ask("POST", "/v1/predict", {"instances": [BODY["features"]]}).json["predictions"]) == 1


def test_azure_starts_it(docker: Engine, project: Path, bare: str) -> None:
    """As deploy/azure says: the model is mounted under its name, version and folder; three routes are asked."""
    given = yaml.safe_load((ROOT / "deploy/azure/deployment.yml").read_text(encoding="utf-8"))
    variables, routes = given["environment_variables"], given["environment"]["inference_config"]
    options = ["--volume", f"{project}/models/bundle:{variables['SERVE_BUNDLE']}:ro"]
    with container(docker, bare, options, **variables) as running:
        for kind in ("liveness_route", "readiness_route"):
            assert running.ask("GET", routes[kind]["path"]).status == 200
        answer = running.ask("POST", routes["scoring_route"]["path"], {"data": [BODY["features"]]})
        assert len(answer.json["predictions"]) == 1


def test_the_page_can_be_followed(docker: Engine, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".tools").symlink_to(Path(tool("cyclonedx-py")).parents[1])
    os.utime(project / "requirements-tools.lock", (0, 0))  # older than the stamp: nothing is installed
    shutil.rmtree(project / ".venv", ignore_errors=True)
    for name in ("DOCKER_HOST", "DOCKER_BUILDKIT", "DOCKER_CONFIG"):
        if name in docker.environment:
            monkeypatch.setenv(name, docker.environment[name])
    monkeypatch.setenv("BUILD", "--network host")
    sections = {block.section for block in blocks(PAGE)}
    follow(PAGE, with_environment(project), without=sorted(sections - {"Image"}))


def test_the_page_runs_it_with_the_rights_that_are_tried_here() -> None:
    (command,) = (block.text for block in blocks(PAGE) if "docker run" in block.text)
    words = command.replace("\\\n", " ").split()
    assert [word for word in words if word in HARDENED] == HARDENED


def test_the_dockerfile_has_no_known_weakness() -> None:
    subprocess.run([tool("hadolint"), ROOT / "deploy/docker/Dockerfile"], check=True)
