"""Copies of this repository in which tests may do anything."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import Phase, settings

from tests.graph import ROOT
from tests.helpers_network import CAN_WATCH, SILENCERS, watched
from tests.params import params_text

# A table that has all kinds of fraud, seven windows and both classes in each, and takes seconds instead of a minute.
REDUCED = {
    "customers": "400\n    terminals: 1200",
    "days": "84",
    "folds": "2",
    "n_estimators": "20",
    "bootstrap_samples": "50",
    "rows": "1000",
    "more_seeds": "2",
    "ageing_windows": "2",
    "threshold_rows": "1000",
}
REDUCED_WINDOW = {"test_start": "'2018-06-10'", "leak_alarm": "1.0"}

# For planted mistakes: that a test fails is enough, there is no need to find the simplest reason.
settings.register_profile("first_failure", derandomize=True, phases=[Phase.explicit, Phase.generate])

# Whoever starts the tests in the background may have turned Ctrl-C off, for us and all that we start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a user who has activated the virtual environment and set a name for commits."""
    bin_folder = str(Path(sys.executable).parent)
    names = {f"GIT_{who}_{what}": "tester@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    foreign = ("GIT_", "DVC_", "COV_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return kept | names | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"} | extra


def run(command: str, folder: Path, *, fails: bool = False, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command; its success is checked unless it is meant to fail."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def copy_repository(target: Path) -> Path:
    """Copy what git would commit (the working tree, not the last commit) into a new repository with one commit.

    It gets the tests' own params, and no table of the user's: the tests of the machinery pass in any project.
    """
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # a file can be deleted and not yet committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / "params.yaml").write_text(params_text(), encoding="utf-8")
    for table in (target / "data/source").glob("*.dvc"):
        table.unlink()
    run("git init -q -b main && git add -A && git commit -qm Start", target)
    return target


def set_params(folder: Path, **values: str) -> None:
    """Change values in params.yaml, comments kept; each key must stand there exactly once."""
    path = folder / "params.yaml"
    text = path.read_text(encoding="utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^( *{key}: )(?!{{)\S+", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert count == 1, f"{key} stands {count} times in params.yaml"
    path.write_text(text, encoding="utf-8")


def wait_for_queue(folder: Path, seconds: int = 300) -> None:
    """Wait until the experiment queue has nothing left to do, and all of it went well."""
    for _ in range(seconds):
        status = run("dvc queue status", folder).stdout
        if "Queued" not in status and "Running" not in status:
            assert "Failed" not in status, status
            return
        time.sleep(1)
    raise AssertionError(f"the queue is not done after {seconds} s:\n{status}")


LONGEST = (
    "test_docs.py",
    "test_drill.py",
    "test_own_data.py",
    "test_workflows.py",
    "test_pipeline.py",
    "test_pages.py",
    "test_verify.py",
    "test_report.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, so that no process works on one of them when the others are done."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a fresh copy of the repository."""
    return copy_repository(tmp_path / "clone")


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of reduced size in which `dvc repro` has run and everything is committed. Copy it to change it."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder, log = shared / "reproduced", shared / "reproduced" / "repro.log"
    with FileLock(shared / "reproduced.lock"):  # the first process that needs it makes it for all
        if not log.exists():
            copy_repository(folder)
            set_params(folder, **REDUCED, **REDUCED_WINDOW)
            watch = watched(shared / "watch") if CAN_WATCH else {}  # for tests/test_telemetry.py
            done = run(f"env -u {' -u '.join(SILENCERS)} dvc repro", folder, **watch)
            run("git add -A && git commit -qm Reproduced", folder)
            log.write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture
def workspace(reproduced: Path, tmp_path: Path) -> Path:
    """Give a copy of the reproduced repository, with data, models and cache, to experiment in."""
    return shutil.copytree(reproduced, tmp_path / "workspace", symlinks=True)


@pytest.fixture
def neighbours(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Add a family that has neither trees nor coefficients, and no exact export."""
    return _registered("NEIGHBOURS", monkeypatch)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Add a family that is exported exactly, and has no contributions."""
    return _registered("NETWORK", monkeypatch)


def _registered(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    from lifecycle.models.families import FAMILIES  # `python -m tests.mutations` has no src/ on its path
    from tests import helpers_model

    family = getattr(helpers_model, name)
    monkeypatch.setitem(FAMILIES, family.name, family)
    return family
