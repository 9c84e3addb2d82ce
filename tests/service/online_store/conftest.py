import pytest

from tests.service.helpers_home import listed


@pytest.fixture
def servable(tmp_path):
    return listed(tmp_path / "bundle")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "store"
