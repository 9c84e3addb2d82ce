from pathlib import Path

import pytest

from tests.conftest import copy_repository
from tests.mutations import MUTATIONS, is_caught


@pytest.mark.slow
def test_every_planted_mistake_is_noticed(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "mutated")
    assert [mutation.name for mutation in MUTATIONS if not is_caught(mutation, folder)] == []
