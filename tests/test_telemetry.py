"""Nothing is sent home: no library asks for its maker's address, or keeps a number of this device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import run
from tests.graph import ROOT
from tests.helpers_network import CAN_WATCH, SILENCERS, left_behind, watched

pytestmark = pytest.mark.skipif(not CAN_WATCH, reason="needs Linux and cc: apt-get install gcc libc6-dev")


def python(code: str, folder: Path) -> list[str]:
    """Run code where nobody and nothing silences a library, and return what it asked for and left."""
    kept = {name: value for name, value in os.environ.items() if name not in SILENCERS}
    given = kept | watched(folder) | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=given, check=True, timeout=120)
    return left_behind(folder)


@pytest.mark.slow
def test_the_whole_pipeline_asks_for_no_name_and_leaves_the_home_empty(reproduced: Path) -> None:
    assert left_behind(reproduced.with_name("watch")) == []


def test_what_asks_for_a_name_or_writes_into_the_home_is_seen(tmp_path: Path) -> None:
    asks = """
import contextlib, pathlib, socket
for call in (lambda: socket.getaddrinfo("a.example.org", 80), lambda: socket.gethostbyname("b.example.org"),
             lambda: socket.create_connection(("192.0.2.1", 80), 1), lambda: socket.getaddrinfo("localhost", 80)):
    with contextlib.suppress(OSError):
        call()
pathlib.Path.home().joinpath("number").touch()
"""
    seen = " ".join(python(asks, tmp_path))
    assert all(each in seen for each in ("a.example.org", "b.example.org", "connect 192.0.2.1", "home/number"))
    assert "localhost" not in seen


def test_onnx_runtime_is_silent_wherever_the_machinery_is_imported_first(tmp_path: Path) -> None:
    assert python("import onnxruntime", tmp_path / "alone") != []  # else the variable is no longer needed
    assert python("import lifecycle, onnxruntime", tmp_path / "here") == []


def test_onnx_runtime_is_imported_in_one_file_and_that_is_part_of_the_machinery() -> None:
    found = run("git grep -lE '^ *(import|from) onnxruntime' -- 'src/*.py'", ROOT).stdout.split()
    assert found == ["src/lifecycle/bundle/servable.py"]
