"""A process without a network and with an empty home: what it asks for, and what it leaves there, is seen."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.graph import ROOT

CAN_WATCH = sys.platform == "linux" and shutil.which("cc") is not None
# Some libraries are silent where one of these says that nobody is there, or that nobody wants it.
SILENCERS = (
    "CI", "CONTINUOUS_INTEGRATION", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TRAVIS", "CIRCLECI",
    "BUILDKITE", "DO_NOT_TRACK", "ITERATIVE_DO_NOT_TRACK", "ORT_DISABLE_TELEMETRY", "DVC_NO_ANALYTICS", "MPLCONFIGDIR",
)  # fmt: skip


def compiled(source: Path, folder: Path) -> Path:
    """Return a library to be preloaded, made in a folder from C."""
    library = folder / f"{source.stem}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def watched(folder: Path) -> dict[str, str]:
    """Return the variables with which a process, and all that it starts, is watched: see `left_behind`."""
    (folder / "home").mkdir(parents=True)
    library = compiled(ROOT / "tests/resolver.c", folder)
    return {"LD_PRELOAD": str(library), "LOOKUPS": str(folder / "lookups"), "HOME": str(folder / "home")}


def left_behind(folder: Path) -> list[str]:
    """Return each name that was asked for, each foreign address that was connected to, and each file in the home."""
    lookups = folder / "lookups"
    asked = lookups.read_text(encoding="utf-8").splitlines() if lookups.exists() else []
    files = [str(path.relative_to(folder)) for path in (folder / "home").rglob("*") if path.is_file()]
    return sorted({*asked, *files})
