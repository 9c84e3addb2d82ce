import ast
import os
import re
from pathlib import Path

import pytest

from tests.conftest import copy_repository
from tests.graph import ROOT
from tests.mutants import FOLDERS, covers, difference, listed
from tests.mutations import MUTATIONS, is_caught

# All of them with RELIABILITY=full, otherwise every eighth.
CHOSEN = MUTATIONS if os.environ.get("RELIABILITY") == "full" else MUTATIONS[::8]


@pytest.mark.nightly
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


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("a = f(b, c + 1)", "a = f(b, c - 1)", "a = f(b, c {+ -> -} 1)"),
        ("def f():\n    x = 1\n    return x", "def f():\n    x = None\n    return x", "x = {1 -> None}"),
        ("for x in y:\n    continue", "for x in y:\n    break", "{continue -> break}"),
        ("if a < 1:\n    pass", "if a <= 1:\n    pass", "a <{ -> =} 1"),
        ("f(a, b=1)", "f(a)", "f(a{, b=1 -> })"),
    ],
)
def test_a_mutant_is_told_by_its_code_wherever_it_stands(right: str, wrong: str, told: str) -> None:
    assert difference(ast.parse(right), ast.parse(wrong)) == told
    assert difference(ast.parse("\n\n" + right), ast.parse("\n\n" + wrong)) == told


def test_a_line_of_the_list_is_about_the_mutants_it_names() -> None:
    assert covers("a.py f: x {+ -> -} 1", "a.py f: x {+ -> -} 1")
    assert covers("a.py f: ...strict=...", "a.py f: zip(a, b{, strict=True -> })")
    assert not covers("a.py f: x {+ -> -} 1", "a.py f: x {+ -> -} 12")
    assert not covers("a.py f: ...", "a.py g: x")


def test_every_listed_survivor_is_of_a_function_that_there_is() -> None:
    for line in listed():
        file, name = line.partition(": ")[0].split(" ")
        text = (ROOT / "src/lifecycle" / file).read_text(encoding="utf-8")
        assert file.split("/")[0] in FOLDERS, line
        assert all(re.search(rf"(def|class) {part}\b", text) for part in name.split(".")), line
