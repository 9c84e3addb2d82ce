"""The repository is what it says: declared inputs are the real ones, knobs are explained, nothing heavy is in git."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifecycle.core.params import Params
from mlops import COMMANDS
from tests.conftest import run
from tests.graph import ROOT, SRC, before, holds, imported_files, stages

RECORDER = """
import json, runpy, sys
sys.path.insert(0, "src")
from lifecycle.core import params
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
    if id(self) in names:  # all blocks at once are only held against each other
        read.add(names[id(self)])
    return plain_dump(self, *args, **kwargs)

def spy_block(name, section):
    value = plain_block(name, section)
    blocks.append(value)
    names[id(value)] = name
    return value

blocks, plain_block, params.load_block = [], params.load_block, spy_block
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
    return {path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py"}


@pytest.mark.parametrize("stage", stages())
def test_declared_code_is_the_code_that_a_stage_imports(stage: str) -> None:
    problem = SRC / "problems" / f"{yaml.safe_load((ROOT / 'params.yaml').read_text())['problem']}.py"
    script = SRC / f"{stage}.py"
    needed = own_files({script, problem} | imported_files(script) | imported_files(problem))
    if stage == "ingest":  # it imports a generator by its name, for a problem that has one
        needed |= own_files({*(SRC / "problems/generators").glob("*.py")})
    if stage == "package":  # it tells the hashes of all code that made what it packs, and so depends on that too
        needed |= {dep for name in before("package") for dep in code_of(name)}
    declared = code_of(stage)
    assert not {file for file in needed if not any(holds(place, file) for place in declared)}, "not declared"
    assert not {place for place in declared if not any(holds(place, file) for file in needed)}, "not imported from"


def code_of(stage: str) -> set[str]:
    return {dep for dep in stages()[stage]["deps"] if dep.startswith("src/")}


@pytest.mark.parametrize("problem", [p.stem for p in (SRC / "problems").glob("*.py") if p.name != "__init__.py"])
def test_no_problem_needs_code_that_the_graph_does_not_declare(problem: str) -> None:
    needed = own_files(imported_files(SRC / "problems" / f"{problem}.py"))
    assert not {
        (file, stage) for file in needed for stage in stages() if not any(holds(p, file) for p in code_of(stage))
    }


def test_no_import_is_hidden() -> None:
    """A problem is imported by its name, a model's library by its family's, a command or target by its own: no more."""
    hidden = re.compile(r"import_module\(|__import__\(|runpy|(?<![.\w])(?:exec|eval)\(|spec_from")
    found = {path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py") if hidden.search(path.read_text())}
    commands = {"mlops.py", "integrations/export_command.py"}
    assert found == {"lifecycle/models/families.py", "lifecycle/problem/loading.py", *commands}


def test_what_python_leaves_behind_is_no_part_of_a_folder_that_a_stage_depends_on() -> None:
    run("dvc check-ignore src/lifecycle/core/__pycache__/errors.cpython-311.pyc", ROOT)


@pytest.mark.parametrize("stage", stages())
def test_every_stage_is_made_with_the_locked_libraries(stage: str) -> None:
    assert "requirements.lock" in stages()[stage]["deps"]


def test_a_stage_is_a_script_a_block_and_an_entry_of_the_same_name() -> None:
    blocks = list(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    staged = [name for name in stages() if name in blocks]
    assert blocks[1 : len(staged) + 1] == staged
    assert set(blocks[len(staged) + 1 :]) <= set(COMMANDS)
    for name, stage in stages().items():
        assert stage["cmd"] == f"python src/{name}.py"
        assert (SRC / f"{name}.py").is_file()


def test_the_scripts_are_the_stages_and_one_command_for_all_else() -> None:
    assert {path.stem for path in SRC.glob("*.py")} == {*stages(), "mlops"}
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 24 * len(stages())


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


def params_of_the_machinery() -> str:
    """Return params.yaml without the arguments of the problem's generator."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    return re.sub(r"^  generate:.*\n(    .*\n)+", "", text, flags=re.MULTILINE)


def test_every_value_in_params_has_a_comment() -> None:
    lines = params_of_the_machinery().splitlines()
    bare = [line for line in lines if re.match(r"\s*\w+: +[^#\s]", line) and not re.search(r"\S +# \S", line)]
    assert not bare


def test_every_field_of_the_schema_stands_in_params() -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    fields = {field.alias or name: field.annotation for name, field in Params.model_fields.items()}
    assert set(fields) <= set(content)
    assert set(content) - set(fields) <= set(stages())  # declared by the stage's own script


def test_the_committed_model_beats_its_baselines() -> None:
    figures = json.loads((ROOT / "metrics/evaluate/evaluation.json").read_text(encoding="utf-8"))
    best = max(figures["baseline"], key=figures["baseline"].__getitem__)
    reached, wanted = figures["test"]["average_precision"], figures["baseline"][best]
    assert reached > wanted, f"{best} alone ranks better: {wanted:.4f} to {reached:.4f}"


def test_git_holds_no_large_file() -> None:
    listed = run("git ls-files -co --exclude-standard -z", ROOT).stdout.split("\0")
    sizes = {name: (ROOT / name).stat().st_size for name in listed if name and (ROOT / name).is_file()}
    assert not {name: size for name, size in sizes.items() if size > 512 * 1024}


def test_gitignore_covers_every_table_and_model() -> None:
    outs = [out for stage in stages().values() for out in stage.get("outs", []) if isinstance(out, str)]
    for out in outs:
        run(f"git check-ignore --quiet --no-index {out}", ROOT)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-mutants.lock"])
def test_the_lock_names_no_address_and_every_hash(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"^[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)


def test_constraints_have_a_reason_each() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("#") or re.search(r" # \w", line) for line in lines)


OF_A_PROBLEM = re.compile(
    r"fraud|(?<!GIT_)terminal|genuine|compromised|payment|cardholder|card_id|\b(this|per) card\b", re.I
)


def test_nothing_but_a_problem_speaks_of_what_it_is_about() -> None:
    machinery = [path for path in SRC.rglob("*.*") if path.suffix != ".pyc" and SRC / "problems" not in path.parents]
    settings = [ROOT / "dvc.yaml", ROOT / "metrics/dvc.yaml", *(ROOT / ".dvc/plots").glob("*.json")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in (*machinery, *settings)}
    texts["params.yaml"] = params_of_the_machinery()
    assert not [(name, word[0]) for name, text in texts.items() for word in OF_A_PROBLEM.finditer(text)]
