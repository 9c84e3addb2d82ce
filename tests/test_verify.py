import shutil
from pathlib import Path

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.repository.reproducibility import differing_outputs, file_that_differs, first_difference, verify
from tests.conftest import run
from tests.graph import ROOT


def write(folder: Path, name: str, content: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    if isinstance(content, pd.DataFrame):
        content.to_parquet(path)
    else:
        path.write_text(str(content), encoding="utf-8")
    return path


TABLE = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 1.5]})


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "place"),
    [
        ("t.parquet", TABLE, TABLE.assign(b=[0.5, None, 1.75]), "column b, row 2: np.float64(1.5) here"),
        ("t.parquet", TABLE, TABLE.assign(a=[1, 9, 3]), "column a, row 1"),
        ("t.parquet", TABLE, TABLE.head(2), "3 x ['a', 'b'] here, 2 x"),
        ("t.parquet", TABLE, TABLE.astype({"a": "int32"}), "column a: int64 here, int32 there"),
        (
            "t.json",
            '{\n "y": 1,\n "z": 2\n}',
            '{\n "y": 1,\n "z": 3\n}',
            """line 3: b' "z": 2' here, b' "z": 3' there""",
        ),
        ("t.csv", "a,b\n1,2\n", "a,b\n1,3\n", "line 2: b'1,2' here, b'1,3' there"),
    ],
)
def test_the_first_difference_is_named(name: str, ours: object, theirs: object, place: str, tmp_path: Path) -> None:
    assert first_difference(write(tmp_path / "o", name, ours), write(tmp_path / "t", name, theirs)).startswith(place)


def test_without_a_commit_there_is_nothing_to_compare_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="this folder is no git repository"):
        verify([])
    run("git init -q && git commit -q --allow-empty -m Empty", tmp_path)
    with pytest.raises(PipelineError, match=r"there is none with a dvc\.lock"):
        verify([])


def test_an_output_that_only_one_lock_names_differs() -> None:
    here, there = {"a": {"md5": "1"}}, {"a": {"md5": "1"}, "b": {"md5": "2"}}
    assert differing_outputs(here, there) == differing_outputs(there, here) == ["b"]
    assert differing_outputs(here, {"a": {"md5": "3"}}) == ["a"]
    assert differing_outputs(here, here) == []


def test_of_an_output_that_is_a_folder_the_first_file_that_differs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clone").mkdir()
    for side in (tmp_path, tmp_path / "clone"):
        for name in ("a", "b", "c"):
            write(side / "out", name, "same")
    assert file_that_differs("out", tmp_path / "clone") == "out"
    write(tmp_path / "clone/out", "c", "other")
    assert file_that_differs("out", tmp_path / "clone") == "out/c"
    (tmp_path / "clone/out/b").unlink()
    assert file_that_differs("out", tmp_path / "clone") == "out/b"


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert first_difference(tmp_path / "a.csv", tmp_path / "b.csv") == "only one of the two files is there to compare"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a graph of one stage in a subfolder of a larger repository, reproduced and committed. Copy it."""
    folder = tmp_path_factory.mktemp("larger") / "team/model"
    folder.mkdir(parents=True)
    shutil.copy2(ROOT / "params.yaml", folder)
    write(
        folder, "dvc.yaml", "stages: {copy: {cmd: cat params.yaml > out.txt, deps: [params.yaml], outs: [out.txt]}}\n"
    )
    run("git init -q ../.. && dvc init -q --subdir && dvc repro -q && git add -A && git commit -qm Start", folder)
    return folder.parents[1]


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "copy") / "team/model"


def test_a_project_in_a_subfolder_of_a_repository_is_verified(project: Path) -> None:
    done = run(f"python {ROOT}/src/mlops.py verify", project)
    assert done.stdout == "reproduced: 1 of 1 files of 1 outputs have the same bits\n"


def test_the_base_of_a_project_in_a_subfolder_can_be_built(project: Path) -> None:
    code = """
from lifecycle.repository.rebuild import rebuilt
from lifecycle.repository.revision_files import Revision
with rebuilt(base := Revision("HEAD"), "out.txt") as note:
    print(note, (base.built / "out.txt").is_file(), base.built.name)
"""
    assert run(f"python -c '{code}'", project, PYTHONPATH=str(ROOT / "src")).stdout == "None True model\n"
    assert len(run("git worktree list", project).stdout.splitlines()) == 1


def test_a_commit_that_cannot_be_cloned_is_told(project: Path) -> None:
    lost = run("git rev-parse HEAD:./params.yaml", project).stdout.strip()
    (project.parents[1] / f".git/objects/{lost[:2]}/{lost[2:]}").unlink()
    failed = run(f"python {ROOT}/src/mlops.py verify", project, fails=True)
    assert "error: the last commit can't be cloned to " in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.slow
def test_another_folder_hash_seed_zone_locale_and_thread_count_give_the_same_bits(workspace: Path) -> None:
    last = run("python src/mlops.py verify", workspace).stdout.splitlines()[-1]
    assert last.startswith("reproduced: ")
    same, all_ = last.split()[1], last.split()[3]
    assert same == all_
    assert int(all_) > 25


@pytest.mark.slow
@pytest.mark.nightly
def test_an_order_that_depends_on_the_hash_seed_is_found(workspace: Path) -> None:
    script = workspace / "src/split.py"
    text = script.read_text(encoding="utf-8")
    shuffled = text.replace("write_table(test,", "write_table(test[sorted(test, key=hash)],")
    assert shuffled != text
    script.write_text(shuffled, encoding="utf-8")
    run("dvc repro split && git commit -qam Shuffled", workspace, PYTHONHASHSEED="1")
    failed = run("python src/mlops.py verify", workspace, fails=True)
    assert "not reproduced: " in failed.stderr
    assert "data/splits/test.parquet: " in failed.stderr
