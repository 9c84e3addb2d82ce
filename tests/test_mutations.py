import os
from pathlib import Path

import pytest

from tests.conftest import copy_repository
from tests.graph import ROOT
from tests.mutations import MUTATIONS, is_caught

# At night all of them, for each change every eighth.
CHOSEN = MUTATIONS if os.environ.get("RELIABILITY") == "full" else MUTATIONS[::8]


@pytest.mark.slow
def test_every_planted_mistake_is_noticed(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "mutated")
    assert [mutation.name for mutation in CHOSEN if not is_caught(mutation, folder)] == []


def test_every_mistake_has_its_place_and_its_tests() -> None:
    for mutation in MUTATIONS:
        assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.right) == 1, mutation.name
        assert mutation.wrong != mutation.right, mutation.name
        files = [word for word in mutation.tests.split() if word.startswith("tests/")]
        assert files, mutation.name
        assert all((ROOT / name).exists() for name in files), mutation.name
