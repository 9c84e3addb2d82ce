"""A branch that holds the new records and what was made of them, or nothing at all."""

import shutil
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import write_table
from lifecycle.release.retraining import new_version
from lifecycle.release.retraining.new_version import add_part, branch_folder
from tests.conftest import run, set_params
from tests.helpers_data import payments_table


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Give a git repository with params, and no graph."""
    for name in ("params.yaml", ".gitignore", ".dvcignore", ".dvc/.gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(Path("tests/params.yaml") if name == "params.yaml" else Path(name), tmp_path / name)
    (tmp_path / ".dvc/config").touch()
    (tmp_path / "data/source").mkdir(parents=True)
    (tmp_path / "data/source/.gitkeep").touch()
    run("git init -q -b main && git add -A && git commit -qm Start", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def branches(folder):
    return run("git branch --format='%(refname:short)'", folder).stdout.split()


def worktrees(folder):
    return run("git worktree list", folder).stdout.splitlines()


def new_part(folder, name="records-2018-04-02.parquet"):
    write_table(payments_table(3), folder / name)
    return folder / name


def test_a_branch_stays_when_all_went_well(project):
    with branch_folder("retrain/a") as folder:
        (folder / "params.yaml").write_text("x: 1\n")
        run("git commit -qam Changed", folder)
    assert branches(project) == ["main", "retrain/a"]
    assert run("git show retrain/a:params.yaml", project).stdout == "x: 1\n"
    assert load_params().train.seed == 42
    assert len(worktrees(project)) == 1


@pytest.mark.parametrize("error", [PipelineError("no"), KeyboardInterrupt()])
def test_nothing_stays_when_something_fails(error, project):
    with pytest.raises(type(error)), branch_folder("retrain/a"):
        raise error
    assert branches(project) == ["main"]
    assert len(worktrees(project)) == 1


def test_changes_that_are_not_committed_and_a_branch_that_is_there_are_told(project):
    run("git branch retrain/a", project)
    with pytest.raises(PipelineError, match="there is a branch retrain/a already"), branch_folder("retrain/a"):
        pass
    set_params(project, max_depth="3")
    with pytest.raises(PipelineError, match="changes that are not committed"), branch_folder("retrain/b"):
        pass


def test_simulated_records_become_the_first_part(project):
    write_table(payments_table(5), "data/raw/records.parquet")
    add_part(new_part(project), project)
    source = project / "data/source"
    names = sorted(path.name for path in source.iterdir() if path.suffix == ".dvc")
    assert names == ["0-simulated.parquet.dvc", "records-2018-04-02.parquet.dvc"]
    assert (source / "0-simulated.parquet").read_bytes() == (project / "data/raw/records.parquet").read_bytes()
    shown = run("git status --porcelain --untracked-files=all", project).stdout
    assert all(f"data/source/{name}" in shown for name in names)
    assert not [line for line in shown.splitlines() if line.startswith("?? data/source") and not line.endswith(".dvc")]


def test_a_single_file_becomes_the_first_of_a_folder(project, monkeypatch):
    asked = []
    monkeypatch.setattr(new_version, "_run", lambda folder, *arguments: asked.append(arguments[-2:]))
    write_table(payments_table(5), "data/source/loans.parquet")
    set_params(project, path="data/source/loans.parquet")
    with pytest.raises(PipelineError, match=r"loans\.parquet would stand behind it; name it by its day"):
        add_part(new_part(project, "a.parquet"), project)
    add_part(new_part(project, "records-2.parquet"), project)
    assert load_params().ingest.path == "data/source"
    assert asked == [("data/source/loans.parquet", "data/source/records-2.parquet")]


@pytest.mark.parametrize("values", [{"path": "/elsewhere/a.csv"}, {"url": "https://example.org/a.csv"}])
def test_a_source_that_is_elsewhere_can_not_get_a_part(values, project):
    set_params(project, **values)
    with pytest.raises(PipelineError, match="must name a file or a folder in this repository"):
        add_part(new_part(project), project)
