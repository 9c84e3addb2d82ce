"""The repository is what it says: declared inputs are the real ones, knobs are explained, nothing heavy is in git."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifecycle.params import Params
from tests.conftest import run
from tests.graph import ROOT, SRC, before, imported_files, stages

RECORDER = """
import json, runpy, sys
sys.path.insert(0, "src")
from lifecycle import params
read, names = set(), {}
plain = params.Section.__getattribute__

def spy(self, name):
    value = plain(self, name)
    if type(self) is not params.Params and id(self) not in names:
        return value  # a copy that a problem's defaults were filled into: its making was recorded
    if name in type(self).model_fields or name in (plain(self, "__pydantic_extra__") or {}):
        alias = type(self).model_fields[name].alias if name in type(self).model_fields else None
        key = ".".join(filter(None, (names.get(id(self), ""), alias or name)))
        read.add(key)
        if isinstance(value, params.Section):
            names[id(value)] = key
    return value

def spy_dump(self, *args, **kwargs):
    read.add(names[id(self)])
    return plain_dump(self, *args, **kwargs)

plain_dump = params.Section.model_dump
params.Section.__getattribute__ = spy
params.Section.model_dump = spy_dump
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("READ " + json.dumps(sorted(read)))
"""


def own_files(paths: set[Path]) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py"}


@pytest.mark.parametrize("stage", stages())
def test_declared_code_is_the_code_that_a_stage_imports(stage: str) -> None:
    problem = SRC / "problems" / f"{yaml.safe_load((ROOT / 'params.yaml').read_text())['problem']}.py"
    script = SRC / f"{stage}.py"
    needed = own_files({script, problem} | imported_files(script) | imported_files(problem))
    if stage == "package":  # it tells the hashes of all code that made what it packs, and so depends on that too
        needed |= {dep for name in before("package") for dep in stages()[name]["deps"] if dep.startswith("src/")}
    declared = {dep for dep in stages()[stage]["deps"] if dep.startswith("src/")}
    assert declared == needed


@pytest.mark.parametrize("problem", [p.stem for p in (SRC / "problems").glob("*.py") if p.name != "__init__.py"])
def test_no_problem_needs_code_that_the_graph_does_not_declare(problem: str) -> None:
    needed = own_files(imported_files(SRC / "problems" / f"{problem}.py"))
    assert all(needed <= set(stage["deps"]) for stage in stages().values())


@pytest.mark.parametrize("stage", stages())
def test_every_stage_is_made_with_the_locked_libraries(stage: str) -> None:
    assert "requirements.lock" in stages()[stage]["deps"]


def test_a_stage_is_a_script_a_block_and_an_entry_of_the_same_name() -> None:
    blocks = list(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    staged = [name for name in stages() if name in blocks]
    assert blocks[1 : len(staged) + 1] == staged
    assert all((SRC / f"{name}.py").is_file() for name in blocks[len(staged) + 1 :])  # operations, such as tune
    for name, stage in stages().items():
        assert stage["cmd"] == f"python src/{name}.py"
        assert (SRC / f"{name}.py").is_file()


@pytest.mark.parametrize("path", sorted(SRC.rglob("__init__.py")))
def test_packages_hold_no_code_of_their_own(path: Path) -> None:
    (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)


@pytest.mark.parametrize("path", sorted((SRC / "lifecycle").rglob("*.py")))
def test_arrows_point_down(path: Path) -> None:
    assert not {
        file for file in imported_files(path) if file.parent in (SRC, SRC / "problems") and file.parent != path.parent
    }


@pytest.mark.slow
@pytest.mark.parametrize("stage", stages())
def test_declared_params_are_the_params_that_a_stage_reads(stage: str, workspace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RECORDER, f"src/{stage}.py"], cwd=workspace, capture_output=True, text=True, check=False
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("READ "))
    read = set(json.loads(line.removeprefix("READ ")))
    declared = set(stages()[stage]["params"])
    assert {key for key in read if key.split(".")[0] not in declared} == set()
    assert {key for key in declared if not any(r == key or r.startswith(f"{key}.") for r in read)} == set()


def leaves(block: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(block, dict):
        return {prefix: block}
    return {k: v for key, value in block.items() for k, v in leaves(value, f"{prefix}.{key}".lstrip(".")).items()}


def test_both_yaml_readers_see_the_same_params() -> None:
    from dvc.utils.serialize import load_yaml

    ours = leaves(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    theirs = leaves(load_yaml(str(ROOT / "params.yaml")))
    assert ours == theirs
    assert {key: type(value) for key, value in ours.items()} == {key: type(value) for key, value in theirs.items()}


def test_every_value_in_params_has_a_comment() -> None:
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    bare = [line for line in lines if re.match(r"\s*\w+: +[^#\s]", line) and not re.search(r"\S +# \S", line)]
    assert not bare


def test_every_field_of_the_schema_stands_in_params() -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    fields = {field.alias or name: field.annotation for name, field in Params.model_fields.items()}
    assert set(fields) == set(content)


def test_the_committed_model_beats_its_baselines() -> None:
    figures = json.loads((ROOT / "metrics/evaluation.json").read_text(encoding="utf-8"))
    assert max(figures["baseline"].values()) < figures["test"]["average_precision"]


def test_git_holds_no_large_file() -> None:
    listed = run("git ls-files -co --exclude-standard -z", ROOT).stdout.split("\0")
    sizes = {name: (ROOT / name).stat().st_size for name in listed if name and (ROOT / name).is_file()}
    assert not {name: size for name, size in sizes.items() if size > 512 * 1024}


def test_gitignore_covers_every_table_and_model() -> None:
    outs = [out for stage in stages().values() for out in stage.get("outs", []) if isinstance(out, str)]
    for out in outs:
        run(f"git check-ignore --quiet --no-index {out}", ROOT)


def test_the_lock_names_no_address_and_every_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"^[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)


def test_constraints_have_a_reason_each() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("#") or re.search(r" # \w", line) for line in lines)
