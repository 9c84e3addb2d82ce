"""Another copy of the repository gets what this one has: the cache, and the user's own files that it knows."""

import pytest

from lifecycle.repository.rebuild import copy_source, share_cache
from tests.conftest import run


def test_another_copy_finds_in_the_cache_what_this_one_has_put_there(tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name / ".dvc").mkdir(parents=True)
        (tmp_path / name / ".dvc/config").touch()
        run("git init -q", tmp_path / name)
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here/table.csv").write_text("a\n1\n")
    run("dvc add -q table.csv && cp table.csv.dvc ../there", tmp_path / "here")
    share_cache(tmp_path / "there")
    run("dvc checkout -q", tmp_path / "there")
    assert (tmp_path / "there/table.csv").read_text() == "a\n1\n"


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Give a folder of two parts, and an empty other copy."""
    (tmp_path / "here/data").mkdir(parents=True)
    for name in ("a.csv", "b.csv"):
        (tmp_path / "here/data" / name).write_text(name)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "there"


@pytest.mark.parametrize(("tracked", "expected"), [([], ["a.csv", "b.csv"]), (["a.csv"], ["a.csv"])])
def test_of_a_folder_of_parts_the_copy_gets_those_that_its_revision_knows(tracked, expected, parts):
    (parts / "data").mkdir(parents=True)
    for name in tracked:
        (parts / f"data/{name}.dvc").touch()
    copy_source("data", parts)
    assert sorted(path.name for path in (parts / "data").iterdir() if path.suffix != ".dvc") == expected


def test_a_file_is_copied_unless_it_is_there(parts):
    copy_source("data/a.csv", parts)
    (parts / "data/a.csv").write_text("own")
    copy_source("data/a.csv", parts)
    assert (parts / "data/a.csv").read_text() == "own"
