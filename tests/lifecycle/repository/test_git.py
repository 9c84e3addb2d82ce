"""Git in places where it does not answer: it is told in words which, and what to do."""

import shutil
import time
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.repository import git as module
from lifecycle.repository.git import NO_REPOSITORY, commit_of, git, prefix, top
from lifecycle.repository.revision_files import Revision
from tests.conftest import run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository whose project is in a subfolder, with two commits."""
    folder = tmp_path / "repository/team"
    folder.mkdir(parents=True)
    run("git init -q -b main .. && echo 1 > ../a.txt && echo 2 > a.txt && git add -A .. && git commit -qm One", folder)
    run("echo 3 > a.txt && git commit -qam Two && git config uploadpack.allowFilter true", folder)
    monkeypatch.chdir(folder)
    return folder.parent


def partial(repository: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a clone that has the files of its last commit, and no others."""
    run(f"git clone -q --filter=blob:none file://{repository} {target}", repository)
    monkeypatch.chdir(target / "team")


def test_a_file_is_that_of_the_working_folder(repository):
    assert (git("show", "HEAD:./a.txt"), Revision("HEAD~1").text("a.txt"), prefix()) == ("3\n", "2\n", "team/")


def test_a_no_is_none(repository):
    assert git("show", "HEAD:./b.txt") is None
    assert commit_of("nothing") is None


def test_without_a_repository_the_command_that_makes_one_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError) as caught:
        Revision("main")
    assert str(caught.value) == NO_REPOSITORY
    assert top(tmp_path) is None
    (tmp_path / "file").touch()
    run(NO_REPOSITORY.split("`")[1], tmp_path)
    assert git("show", "HEAD:./file") == ""
    assert top(tmp_path) == tmp_path.resolve()


def test_the_repository_of_another_user_gets_the_command_that_trusts_it(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")
    with pytest.raises(PipelineError, match=rf"git config --global --add safe\.directory '{repository}'"):
        git("show", "HEAD:./a.txt")


def test_a_partial_clone_fetches_what_it_is_asked_for(repository, tmp_path, monkeypatch):
    partial(repository, tmp_path / "partial", monkeypatch)
    assert Revision("HEAD~1").text("a.txt") == "2\n"


def test_a_partial_clone_that_lost_its_server_says_how_to_fetch_the_rest(repository, tmp_path, monkeypatch):
    partial(repository, tmp_path / "partial", monkeypatch)
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    with pytest.raises(PipelineError, match="this clone is partial") as caught:
        Revision("HEAD~1").text("a.txt")
    (tmp_path / "elsewhere").rename(tmp_path / "repository")
    run(str(caught.value).split("network: ")[1], tmp_path / "partial")
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    assert Revision("HEAD~1").text("a.txt") == "2\n"


def test_a_server_that_never_answers_is_not_waited_for(repository, tmp_path, monkeypatch):
    partial(repository, tmp_path / "partial", monkeypatch)
    run("git config protocol.ext.allow always && git remote set-url origin 'ext::sleep 60'", tmp_path / "partial")
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(PipelineError, match="`git show` had no answer"):
        Revision("HEAD~1").text("a.txt")
    assert time.monotonic() - began < 20


def test_without_git_it_is_told(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert shutil.which("git") is None
    with pytest.raises(PipelineError, match="git is needed"):
        git("status")


def test_a_clone_has_the_same_bytes_whatever_git_does_to_line_ends_elsewhere(clone, tmp_path):
    (clone / "windows.csv").write_bytes(b"a,b\r\n1,2\r\n")
    run("git add -A && git commit -qm More", clone)
    run(f"git clone -q -c core.autocrlf=true -c core.eol=crlf {clone} {tmp_path}/other", tmp_path)
    names = run("git ls-files", clone).stdout.split()
    assert "windows.csv" in names
    assert {name: (tmp_path / "other" / name).read_bytes() for name in names} == {
        name: (clone / name).read_bytes() for name in names
    }
