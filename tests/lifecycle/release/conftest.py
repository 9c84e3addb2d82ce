"""A scratch repository, with a release or two, in which a test stands."""

import shutil
from pathlib import Path

import pytest

from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, register, take_step
from tests.lifecycle.release.registry.helpers_registry import ANN, be, commit_model, start


@pytest.fixture(scope="session")
def with_one_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository with a model and no release. Copy it to change it."""
    folder = start(tmp_path_factory.mktemp("releases") / "with_one_model")
    with pytest.MonkeyPatch.context() as monkeypatch:
        be(ANN, monkeypatch)
        commit_model(folder, "a")
    return folder


@pytest.fixture
def new_repository(with_one_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy of that, as Ann."""
    return _stand_in(with_one_model, tmp_path, monkeypatch)


@pytest.fixture
def repository(with_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy with two releases, as Ann."""
    return _stand_in(with_two, tmp_path, monkeypatch)


def _stand_in(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(template, tmp_path / "repository")
    monkeypatch.chdir(folder)
    be(ANN, monkeypatch)
    return folder


@pytest.fixture(scope="session")
def with_two(with_one_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository in whose environment prod v0.1.0 answers, and v0.2.0 is registered. Copy it to change it."""
    folder, prod = tmp_path_factory.mktemp("releases") / "with_two", Place("prod", Path("serving"))
    shutil.copytree(with_one_model, folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        be(ANN, monkeypatch)
        monkeypatch.chdir(folder)
        register(prod, "first", None, "minor")
        take_step(prod, "promote", "v0.1.0", Act(Person(*ANN), "nothing answers yet"))
        commit_model(folder, "bb")
        register(prod, "second", None, "minor")
    return folder
