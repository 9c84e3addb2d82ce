import io
import os
import subprocess
import sys

import pytest

from lifecycle.core import environment_defaults
from lifecycle.core.environment_defaults import QUIET, be_quiet, fill_in
from tests.graph import ROOT


def test_the_first_import_of_the_machinery_sets_what_switches_telemetry_off():
    code = "import os, lifecycle; print(sorted(set(os.environ) - before))"
    code = f"import os; before = set(os.environ) | {{'MPLCONFIGDIR'}}; {code}"
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=given, check=True, capture_output=True, text=True)
    assert done.stdout == f"{sorted(QUIET)}\n"


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    be_quiet()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


def test_the_list_of_fonts_goes_into_the_repository_if_there_is_one(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    be_quiet()
    assert "MPLCONFIGDIR" not in os.environ
    (tmp_path / ".dvc").mkdir()
    be_quiet()
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path / ".dvc/tmp/matplotlib")


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no username")])
def test_a_process_without_a_name_and_a_home_gets_both(monkeypatch, tmp_path, error):
    def fail(*_):
        raise error

    def homeless():
        raise RuntimeError("could not determine home directory")

    for name in ("LOGNAME", "HOME"):
        monkeypatch.setenv(name, "someone")  # so that what is set here is undone
    monkeypatch.setattr(environment_defaults.getpass, "getuser", fail)
    monkeypatch.setattr(environment_defaults.Path, "home", homeless)
    monkeypatch.chdir(tmp_path)
    fill_in()
    assert os.environ["LOGNAME"] == str(os.getuid())
    assert os.environ["HOME"] == str(tmp_path / ".dvc/tmp")


def test_a_name_and_a_home_that_are_there_stay(monkeypatch):
    monkeypatch.setenv("LOGNAME", "someone")
    monkeypatch.setenv("HOME", "/somewhere")
    fill_in()
    assert (os.environ["LOGNAME"], os.environ["HOME"]) == ("someone", "/somewhere")


def test_a_console_that_lacks_a_character_shows_a_question_mark(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", console)
    fill_in()
    print("↑ better")
    console.flush()
    assert console.buffer.getvalue() == b"? better\n"
