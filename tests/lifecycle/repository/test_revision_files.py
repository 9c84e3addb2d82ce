import json
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.repository.revision_files import Revision, Workspace
from tests.conftest import run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({"x": "é"}), encoding="utf-8")
    run("git init -q -b main && git add -A && git commit -qm One && git branch -q other", folder)
    (folder / "a.json").write_text(json.dumps({"x": 2}), encoding="utf-8")
    run("git commit -qam Two", folder)
    monkeypatch.chdir(folder)
    return folder


def test_a_revision_has_its_own_files_and_the_workspace_those_that_lie_there(repository):
    (repository / "a.json").write_text('{"x": 3}', encoding="utf-8")
    names = ("other", "main", "HEAD~1")
    assert [Revision(name).json("a.json")["x"] for name in names] == ["é", 2, "é"]
    assert Workspace().json("a.json") == {"x": 3}


@pytest.mark.parametrize("side", [Workspace, lambda: Revision("main")])
def test_what_is_not_there_is_empty_or_none(repository, side):
    one = side()
    assert one.text("no.json") is None
    assert one.csv("no.csv") is None
    assert one.table("no.parquet") is None
    assert one.json("no.json") == one.yaml("no.yaml") == {}


def test_a_branch_of_origin_stands_in_for_a_local_one(repository, tmp_path, monkeypatch):
    run(f"git clone -q -b other {repository} clone", tmp_path)
    monkeypatch.chdir(tmp_path / "clone")
    assert Revision("main").json("a.json") == {"x": 2}


def test_an_unknown_base_is_refused_with_the_branches_that_there_are(repository):
    with pytest.raises(PipelineError, match=r"--base nothing: no such commit here; known branches: main, other"):
        Revision("nothing")
    with pytest.raises(PipelineError, match="no such commit"):
        Revision("--all")


def test_a_shallow_clone_says_what_to_fetch(repository, tmp_path, monkeypatch):
    run(f"git clone -q --depth=1 file://{repository} shallow", tmp_path)
    monkeypatch.chdir(tmp_path / "shallow")
    with pytest.raises(PipelineError, match="shallow, fetch it: git fetch --unshallow origin"):
        Revision("HEAD~1")
