"""A real Docker engine: the one that runs here, or one that a test starts; and the image of the service on it.

An engine of a test's own has no network of its own, so containers take the host's. Where no registry can be reached, a
stand-in for `python:3.11-slim` is made of Debian's packages and the Python that runs the tests.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.deploy.helpers_alerting import free_port
from tests.graph import ROOT
from tests.service.helpers_serving import Service

BASE = "python:3.11-slim"
INSTALL = "apt-get install --no-install-recommends docker.io mmdebstrap"
OWN_ENGINE = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=overlay2"]
# What the standard library of the stand-in is linked with.
LIBRARIES = (
    "ca-certificates,libbz2-1.0,libdb5.3,libexpat1,libffi8,libgdbm6,libgdbm-compat4,liblzma5,libncursesw6,libnsl2,"
    "libreadline8,libsqlite3-0,libssl3,libtirpc3,libuuid1,zlib1g"
)
STAND_IN = """FROM debian-stand-in
COPY python /usr/local
COPY pip.conf /etc/
COPY ca-certificates.crt /etc/ssl/certs/
RUN ldconfig && python3 -m ensurepip && ln -s pip3 /usr/local/bin/pip
"""
HARDENED = [
    "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "256m",
    "--pids-limit", "64",
]  # fmt: skip


class Engine:
    """An engine, by the variables with which the client finds it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**os.environ, **environment}

    def __call__(self, *arguments: str | Path, fails: bool = False, seconds: float = 400) -> str:
        """Run `docker`, and return what it prints; its success is checked unless it is meant to fail."""
        done = subprocess.run(
            ["docker", *map(str, arguments)], env=self.environment, capture_output=True, text=True, check=False,
            cwd=ROOT, timeout=seconds,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return (done.stdout + (done.stderr if fails or arguments[0] == "logs" else "")).strip()

    def has(self, image: str) -> bool:
        """Tell whether an image is there, or can be fetched."""
        for command in (["image", "inspect"], ["pull", "--quiet"]):
            done = subprocess.run(
                ["docker", *command, image], env=self.environment, capture_output=True, check=False, timeout=300
            )
            if done.returncode == 0:
                return True
        return False

    def inspect(self, name: str, form: str) -> Any:
        """Return a part of what the engine knows of an image or a container."""
        return json.loads(self("inspect", name, "--format", f"{{{{json {form}}}}}"))


@contextmanager
def engine() -> Iterator[Engine]:
    """Yield the engine that runs here, or run one; skip the test where there is none."""
    if sys.platform != "linux" or shutil.which("docker") is None:
        pytest.skip(f"needs Docker on Linux: {INSTALL}")
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0:
        yield Engine({})
        return
    if shutil.which("dockerd") is None or os.getuid() != 0:
        pytest.skip(f"no Docker engine runs, and none can be started: as root, {INSTALL}")
    with tempfile.TemporaryDirectory(prefix="docker-", ignore_cleanup_errors=True) as folder:
        socket = f"unix://{folder}/socket"
        places = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        options = [part for option, place in places.items() for part in (option, f"{folder}/{place}")]
        with Path(folder, "log").open("w") as log:
            process = subprocess.Popen(["dockerd", *options, "-H", socket, *OWN_ENGINE], stdout=log, stderr=log)
        found = Engine({"DOCKER_HOST": socket, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": folder})
        try:
            wait_for(found, process, Path(folder, "log"))
            yield found
        finally:
            process.terminate()
            process.wait(30)
            subprocess.run(["umount", f"{folder}/exec/netns/default"], capture_output=True, check=False)


def wait_for(found: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an engine answers."""
    end = time.monotonic() + 60
    while subprocess.run(["docker", "version"], env=found.environment, capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > end:
            pytest.skip(f"dockerd does not start here: {log.read_text()[-400:]}")
        time.sleep(0.2)


def base_image(docker: Engine) -> None:
    """See to it that the engine has what the Dockerfile begins with."""
    if docker.has(BASE):
        return
    if shutil.which("mmdebstrap") is None or sys.version_info[:2] != (3, 11):
        pytest.skip(f"{BASE} can't be fetched, and no stand-in can be made: Python 3.11, and {INSTALL}")
    archive = Path(tempfile.gettempdir()) / "debian-stand-in.tar"
    with FileLock(f"{archive}.lock"):
        if not archive.exists():
            made = archive.with_suffix(".new.tar")
            command = ["mmdebstrap", "--variant=minbase", f"--include={LIBRARIES}", "bookworm", str(made)]
            subprocess.run(command, check=True, capture_output=True, timeout=500)
            made.rename(archive)
    docker("import", archive, "debian-stand-in")
    with tempfile.TemporaryDirectory() as folder:
        own_python(Path(folder))
        docker("build", "--network", "host", "--tag", BASE, folder)


def own_python(folder: Path) -> None:
    """Lay this Python out as the official image has it: stripped, without tests and packages."""
    source, target = Path(sys.base_prefix), folder / "python"
    left_out = shutil.ignore_patterns("site-packages", "test", "__pycache__", "config-*", "*.a")
    shutil.copytree(source / "lib/python3.11", target / "lib/python3.11", ignore=left_out, symlinks=True)
    (target / "bin").mkdir()
    shutil.copy(source / "bin/python3.11", target / "bin/python3.11")
    (target / "bin/python3").symlink_to("python3.11")
    for library in source.glob("lib/libpython3*"):
        shutil.copy(library, target / "lib", follow_symlinks=False)
    if shutil.which("strip"):
        files = [*target.glob("lib/libpython3.11.so.*"), *target.glob("lib/python3.11/lib-dynload/*.so")]
        subprocess.run(["strip", "--strip-unneeded", *files], check=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder)
    (folder / "pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    (folder / "Dockerfile").write_text(STAND_IN)


class Container:
    """A running container of the service, asked as `Service` asks a process.

    Parameters
    ----------
    docker : Engine
        Where it runs.
    image : str
        Its image.
    options : sequence of str
        More options of `docker run`.
    command : sequence of str
        What stands behind the image.
    settings
        Variables of its environment. `port_variable` is the one that names the port, SERVE_PORT if none is given.
    """

    ask, metric = Service.ask, Service.metric

    def __init__(
        self, docker: Engine, image: str, options: Sequence[str] = (), command: Sequence[str] = (), **settings: str
    ) -> None:
        self.docker, self.port = docker, free_port()
        port = {settings.pop("port_variable", "SERVE_PORT"): str(self.port)}
        variables = [part for name, value in (settings | port).items() for part in ("--env", f"{name}={value}")]
        self.name = docker("run", "--detach", "--network", "host", *HARDENED, *options, *variables, image, *command)

    def log(self) -> str:
        """Return what it has printed."""
        return self.docker("logs", self.name)

    def wait(self, seconds: float = 60) -> "Container":
        """Wait until it answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                if self.ask("GET", "/health/ready").status == 200:
                    return self
            except OSError:
                assert time.monotonic() < end, self.log()
                assert self.docker.inspect(self.name, ".State.Running"), self.log()
                time.sleep(0.05)


@contextmanager
def container(
    docker: Engine, image: str, options: Sequence[str] = (), command: Sequence[str] = (), **settings: str
) -> Iterator[Container]:
    """Run a container until the block ends; wait until it answers."""
    running = Container(docker, image, options, command, **settings)
    try:
        yield running.wait()
    finally:
        docker("rm", "--force", running.name)
