"""With a key `make image` builds nothing unless the bundle has a signature of that key, over this very content."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import copy_repository, environment
from tests.helpers_tools import tool
from tests.service.helpers_protocols import history_bundle

pytestmark = pytest.mark.nightly
SIGN = ["sign-blob", "--yes", "--tlog-upload=false", "--use-signing-config=false"]


@pytest.fixture
def cosign() -> str:
    return tool("cosign", "https://docs.sigstore.dev/cosign/system_config/installation")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project with a bundle, and a `docker` that only says that it was called."""
    folder = copy_repository(tmp_path / "project")
    history_bundle(folder / "models/bundle")
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho docker is called\n")
    docker.chmod(0o755)
    return folder


def run(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    given = environment(COSIGN_PASSWORD="", **variables)
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


def make_image(project: Path, cosign: str, key: str) -> bool:
    """Tell whether an image would be built; what stops it must be the signature."""
    path = os.pathsep.join([str(project.parent / "bin"), str(Path(cosign).parent), environment()["PATH"]])
    done = run("make", "-o", ".venv/.ready", "image", f"BUNDLE_KEY={key}", folder=project, PATH=path)
    built = "docker is called" in done.stdout
    assert built == (done.returncode == 0)
    assert built or "cosign verify-blob" in done.stdout, done.stderr
    return built


def test_only_a_signed_bundle_becomes_an_image(project: Path, cosign: str) -> None:
    for name in ("right", "wrong"):
        assert run(cosign, "generate-key-pair", "--output-key-prefix", name, folder=project).returncode == 0
    assert not make_image(project, cosign, "right.pub")  # no signature
    sign = [cosign, *SIGN, "--key", "right.key", "--bundle", "models/bundle.sigstore.json"]
    assert run(*sign, "models/bundle/manifest.json", folder=project).returncode == 0
    assert make_image(project, cosign, "right.pub")
    assert not make_image(project, cosign, "wrong.pub")
    history_bundle(project.parent / "other", "logistic_regression")
    (project.parent / "other").rename(project / "models/other")
    (project / "models/bundle").rename(project / "models/signed")
    (project / "models/other").rename(project / "models/bundle")
    assert not make_image(project, cosign, "right.pub")  # another bundle under the same signature
