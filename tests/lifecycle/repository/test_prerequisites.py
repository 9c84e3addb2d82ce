import tempfile

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.repository.doctor import check_prerequisites
from lifecycle.repository.git import NO_REPOSITORY
from tests.conftest import run

CONFLICT = """{
<<<<<<< HEAD
  "recall": 0.5
=======
  "recall": 0.6
>>>>>>> other
}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (tmp_path / "metrics/evaluate").mkdir(parents=True)
    (tmp_path / "metrics/evaluate/evaluation.json").write_text("{}")
    run("git init -q", tmp_path)
    return tmp_path


def test_a_whole_project_passes(project):
    check_prerequisites(project)


def test_an_archive_without_git_is_told_what_makes_it_a_repository(project):
    (project / ".git").rename(project / "gone")
    with pytest.raises(PipelineError) as caught:
        check_prerequisites(project)
    assert str(caught.value) == NO_REPOSITORY
    (project / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    check_prerequisites(project)


@pytest.mark.parametrize("name", ["dvc.lock", "params.yaml", "metrics/evaluate/evaluation.json"])
def test_the_marks_of_a_merge_are_told_with_file_and_line(project, name):
    (project / name).write_text(CONFLICT)
    with pytest.raises(PipelineError, match=f"{name}: line 2 holds the marks of a merge"):
        check_prerequisites(project)


def test_without_a_folder_for_temporary_files_the_variable_is_named(project, monkeypatch):
    def none():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(PipelineError, match="set TMPDIR"):
        check_prerequisites(project)
