import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.repository.dvc_objects import md5_of_path
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


@pytest.mark.parametrize(("name", "read"), [("a.json", "json"), ("a.yaml", "yaml")])
@pytest.mark.parametrize("side", [Workspace, lambda: Revision("main")])
def test_the_marks_of_a_merge_are_told_in_words(repository, side, name, read):
    (repository / name).write_text("x:\n<<<<<<< HEAD\n  1\n=======\n  2\n>>>>>>> other\n", encoding="utf-8")
    run("git add -A && git commit -qm Broken", repository)
    with pytest.raises(PipelineError, match=rf"^{name}.*: line 2 holds the marks of a merge"):
        getattr(side(), read)(name)


def test_a_table_comes_from_the_place_where_a_commit_was_built(repository, tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "t.parquet")
    base = Revision("main")
    base.built = tmp_path
    assert base.table("t.parquet")["x"].tolist() == [1]
    assert base.md5("t.parquet") == md5_of_path(tmp_path / "t.parquet")


def test_a_table_comes_from_the_cache_or_a_remote_and_only_if_it_is_whole(repository, tmp_path):
    run("dvc init -q && dvc remote add -q -d store ../store && mkdir -p .dvc/cache/files/md5", repository)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "t.parquet")
    md5 = md5_of_path(tmp_path / "t.parquet")
    lock = {"schema": "2.0", "stages": {"a": {"cmd": "a", "outs": [{"path": "t.parquet", "hash": "md5", "md5": md5}]}}}
    (repository / "dvc.lock").write_text(json.dumps(lock), encoding="utf-8")
    run("git add -A && git commit -qm Lock", repository)
    sides = Workspace(), Revision("main")
    assert [side.md5("t.parquet") for side in sides] == [md5, md5]
    assert [side.table("t.parquet") for side in sides] == [None, None]
    cache, store = (
        folder / "files/md5" / md5[:2] / md5[2:] for folder in (repository / ".dvc/cache", tmp_path / "store")
    )
    for place in (store, cache):
        place.parent.mkdir(parents=True)
        shutil.copy2(tmp_path / "t.parquet", place)
        assert [side.table("t.parquet")["x"].tolist() for side in sides] == [[1], [1]]
        place.write_bytes(b"broken")
        if place == cache:
            assert sides[0].table("t.parquet") is None
