"""The commands work where a container, a console or an administrator leaves little: no name, no home, no UTF-8."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import run
from tests.graph import ROOT
from tests.helpers_network import CAN_WATCH, compiled

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CAN_WATCH, reason="needs Linux and cc: apt-get install gcc libc6-dev"),
]
LITTLE = {
    "PYTHONSAFEPATH": "1",  # a script's own folder is not looked at for imports
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",  # an old console
    "TMPDIR": "/nonexistent",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
}  # fmt: skip


@pytest.fixture
def bare(workspace: Path, tmp_path: Path) -> str:
    """Give what to put before a command, so that it has little: no variable is left but these."""
    given = LITTLE | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LD_PRELOAD": str(compiled(ROOT / "tests/nobody.c", tmp_path)),
    }
    return f"umask 077 && env -i {' '.join(shlex.quote(f'{name}={value}') for name, value in given.items())} "


def test_there_is_neither_a_name_nor_a_home(bare: str, workspace: Path) -> None:
    run(f"{bare} python -c 'import getpass; getpass.getuser()'", workspace, fails=True)
    run(f"{bare} python -c 'import pathlib; pathlib.Path.home()'", workspace, fails=True)
    assert "getpwuid" in run(f"{bare} HOME=/ dvc status", workspace, fails=True).stderr


def test_make_says_whether_all_is_up_to_date(bare: str, workspace: Path) -> None:
    done = run(f"{bare} make -o .venv/.ready repro", workspace)
    assert "up to date" in done.stdout
    assert "test window" in done.stdout


def test_a_stage_writes_the_same_bytes(bare: str, workspace: Path) -> None:
    before = (workspace / "data/splits/test.parquet").read_bytes()
    (workspace / "data/splits/test.parquet").unlink()
    run(f"{bare} python src/split.py", workspace)
    assert (workspace / "data/splits/test.parquet").read_bytes() == before
    assert (workspace / "data/splits/test.parquet").stat().st_mode & 0o077 == 0


def test_doctor_and_report_work(bare: str, workspace: Path) -> None:
    assert "objects are whole" in run(f"{bare} python src/mlops.py doctor", workspace).stdout
    said = run(f"{bare} python src/mlops.py report --base HEAD --plain", workspace).stdout
    assert "the gate passes" in said
