"""The real programs that files in deploy/ and .github/ are tried with: `make tools` installs them, or the user has."""

import shutil
from pathlib import Path

import pytest

from tests.graph import ROOT

FOLDER = ROOT / ".tools" / "bin"


def tool(name: str, otherwise: str = "make tools") -> str:
    """Return the path of a program; skip the test with the command that installs it where there is none."""
    found = shutil.which(name, path=str(FOLDER)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: {otherwise}")
    return str(Path(found))
