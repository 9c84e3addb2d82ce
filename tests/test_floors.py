"""The floors of src/: an import goes down, never up or across, and never round in a circle."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.graph import SRC, imports, stages

FLOORS = """core; problem; document; sources contract; features; splits; models; evaluation; audit explanation search;
card; bundle; repository; report monitoring; release"""
RANK = {name: rank for rank, floor in enumerate(FLOORS.split(";")) for name in floor.split()}
MONITORED = {"package.py": {"monitoring"}, "monitor.py": {"monitoring"}}  # the bundle carries the monitor's limits
WINGS = ("service", "integrations", "mlops.py", "problems")


def floor_of(path: Path) -> str:
    """Return the folder of lifecycle/ that a file is in, or what it belongs to beside it."""
    parts = path.relative_to(SRC).parts
    return parts[1] if parts[0] == "lifecycle" and len(parts) > 2 else parts[0]


def files() -> list[Path]:
    return sorted(path for path in SRC.rglob("*.py") if path.name != "__init__.py")


def test_every_folder_is_a_floor() -> None:
    folders = {path.name for path in (SRC / "lifecycle").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(RANK)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(SRC).as_posix())
def test_a_file_imports_only_from_its_own_floor_and_those_below(path: Path) -> None:
    own, below = floor_of(path), {floor_of(file) for file in imports(path) if file.name != "__init__.py"}
    if own in RANK:
        assert not {name for name in below - {own} if RANK.get(name, 99) >= RANK[own]}
    elif own.removesuffix(".py") in stages():
        above = {"monitoring", "release", *WINGS[:3]}
        assert not below & above - MONITORED.get(own, set())
    elif own in ("service", "problems"):
        assert not {name for name in below - {own} if name not in RANK}


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {file: {path for path in imports(file) if path.name != "__init__.py"} for file in files()}
    assert list(TopologicalSorter(graph).static_order())
