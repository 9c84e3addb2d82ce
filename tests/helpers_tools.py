"""The real programs that files in deploy/ and .github/ are tried with: `make tools` installs them, or the user has."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.graph import ROOT

FOLDER = ROOT / ".tools" / "bin"
UV = Path(sys.executable).with_name("uv")


def tool(name: str, otherwise: str = "make tools") -> str:
    """Return the path of a program; skip the test with the command that installs it where there is none."""
    found = shutil.which(name, path=str(FOLDER)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: {otherwise}")
    return str(Path(found))


def environment(lock: Path) -> Path:
    """Return the Python of an environment that holds what a lock names; made once for each lock and Python."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(tempfile.gettempdir()) / f"{lock.stem}-client-{digest}-{version}"
    ready, python = folder / ".ready", folder / "bin/python"
    if not ready.exists():
        uv(lock.stem, "venv", "--clear", "--python", sys.executable, str(folder))
        uv(lock.stem, "pip", "sync", "--python", str(python), "--require-hashes", str(lock))
        ready.touch()
    return python


def uv(name: str, *arguments: str) -> None:
    """Run uv; skip the test where it can't install, but for a wrong hash."""
    done = subprocess.run([UV, "--quiet", *arguments], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        assert "hash mismatch" not in done.stderr.lower(), done.stderr
        pytest.skip(f"the client of {name} can't be installed here: {done.stderr.strip()[-400:]}")
