"""Examples in docstrings are true."""

import doctest
import importlib

import pytest

from tests.graph import SRC

WITH_EXAMPLES = [path for path in sorted(SRC.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_the_examples_of_a_docstring_give_what_it_says(path):
    module = importlib.import_module(".".join(path.relative_to(SRC).with_suffix("").parts))
    result = doctest.testmod(module, verbose=False)
    assert result.attempted
    assert not result.failed
