"""A scratch repository, with a release or two, in which a test stands."""

from pathlib import Path

import pytest

from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, register, take_step
from tests.lifecycle.release.registry.helpers_registry import ANN, be, commit_model, start


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a repository with one model, as Ann."""
    be(ANN, monkeypatch)
    folder = start(tmp_path / "repository")
    commit_model(folder, "a")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def with_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository in whose environment prod v0.1.0 answers, and v0.2.0 is registered. Copy it to change it."""
    folder, prod = start(tmp_path_factory.mktemp("releases") / "with_two"), Place("prod", Path("serving"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        be(ANN, monkeypatch)
        commit_model(folder, "a")
        monkeypatch.chdir(folder)
        register(prod, "first", None, "minor")
        take_step(prod, "promote", "v0.1.0", Act(Person(*ANN), "nothing answers yet"))
        commit_model(folder, "bb")
        register(prod, "second", None, "minor")
    return folder
