"""The bill of materials names every package of the service's lock, its hashes and its licence."""

import csv
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from integrations.bill_of_materials import UNKNOWN, licence, licence_table, with_licences
from lifecycle.core.errors import PipelineError
from tests.conftest import run
from tests.graph import ROOT
from tests.helpers_tools import tool

VALID = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
"""


def pinned() -> dict[str, str]:
    text = (ROOT / "requirements-serve.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the lock, in which the script has run."""
    program, folder = Path(tool("cyclonedx-py")), tmp_path_factory.mktemp("bill")
    (folder / ".tools").symlink_to(program.parents[1])
    (folder / "requirements-serve.lock").symlink_to(ROOT / "requirements-serve.lock")
    run(f"PYTHONPATH={ROOT}/src python {ROOT}/src/integrations/bill_of_materials.py", folder)
    return folder


def test_the_bill_is_valid_and_has_every_package_with_hashes_and_licence(project: Path) -> None:
    text = (project / "report/sbom.cdx.json").read_text(encoding="utf-8")
    bill: dict[str, Any] = json.loads(text)
    assert {each["name"]: each["version"] for each in bill["components"]} == pinned()
    lock = (ROOT / "requirements-serve.lock").read_text(encoding="utf-8")
    hashes = {found["content"] for each in bill["components"] for found in each["externalReferences"][0]["hashes"]}
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    assert {each["name"] for each in bill["components"] if "licenses" not in each} <= {"async-timeout"}
    python = Path(tool("cyclonedx-py")).with_name("python")
    done = subprocess.run([python, "-c", VALID], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_the_licences_are_a_table(project: Path) -> None:
    rows = list(csv.DictReader((project / "report/licences.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["package"]: row["version"] for row in rows} == pinned()
    assert all(row["licence"] for row in rows)


@pytest.mark.nightly
def test_the_same_lock_gives_the_same_bytes(project: Path) -> None:
    before = (project / "report/sbom.cdx.json").read_bytes()
    run(f"PYTHONPATH={ROOT}/src python {ROOT}/src/integrations/bill_of_materials.py", project)
    assert (project / "report/sbom.cdx.json").read_bytes() == before


def test_an_expression_is_told_from_words() -> None:
    bill = {
        "components": [{"name": name, "version": "1", "description": "x"} for name in ("numpy", "protobuf", "none")]
    }
    entries = [each.get("licenses", [{}])[0] for each in with_licences(bill)["components"]]
    assert [set(each) for each in entries] == [{"expression"}, {"license"}, set()]
    assert licence_table(bill).splitlines()[-1] == f"none,1,{UNKNOWN}"


def test_a_package_without_a_licence_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nameless-1.dist-info").mkdir()
    (tmp_path / "nameless-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: nameless\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PipelineError, match="nameless: its metadata name no licence"):
        licence("nameless")
