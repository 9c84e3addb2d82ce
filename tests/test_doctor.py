import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import zc.lockfile

from lifecycle.core.errors import PipelineError
from lifecycle.repository import doctor
from lifecycle.repository.dvc_locks import mend_locks
from lifecycle.repository.dvc_objects import md5_of_path, object_path, survey
from tests.graph import ROOT

DOCTOR = [sys.executable, str(ROOT / "src/mlops.py"), "doctor"]
CACHE = Path(".dvc/cache/files/md5")
STORE = Path("store/files/md5")
MAKE = """
from pathlib import Path
Path("folder").mkdir(exist_ok=True)
for name in ("out.txt", "folder/a", "folder/b"):
    Path(name).write_text(f"this is {name}")
"""


def dvc(*words):
    return subprocess.run([sys.executable, "-m", "dvc", *words], check=True, capture_output=True, text=True).stdout


def ask(*options):
    return subprocess.run([*DOCTOR, *options], check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("make.py").write_text(MAKE)
        Path("added.csv").write_text("a,b\n1,2\n")
        stage = {"cmd": f'"{sys.executable}" make.py', "deps": ["make.py"], "outs": ["out.txt", "folder"]}
        Path("dvc.yaml").write_text(json.dumps({"stages": {"make": stage}}))
        dvc("init", "--no-scm", "--quiet")
        dvc("add", "--quiet", "added.csv")
        dvc("repro", "--quiet")
        with Path(".dvc/config").open("a") as config:
            config.write("['remote \"store\"']\n    url = ../store\n")
        shutil.copytree(CACHE, STORE)  # as `dvc push` lays it out
    return folder


@pytest.fixture
def repository(original, tmp_path, monkeypatch):
    shutil.copytree(original, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")


def name_of(path):
    return next(item.md5 for item in survey().items if item.path == Path(path))


def spoil(place):
    """Overwrite an object as a bad disk would: the same size, still protected."""
    place.chmod(0o600)
    place.write_bytes(b"X" * place.stat().st_size)
    place.chmod(0o444)


def hand_out(*paths):
    """Spoil objects and let DVC put them in the workspace."""
    for path in paths:
        spoil(object_path(name_of(path), CACHE))
        Path(path).unlink()
    dvc("checkout")
    assert all(Path(path).read_bytes().startswith(b"XXX") for path in paths)


def use_store():
    config = Path(".dvc/config")
    config.write_text(config.read_text().replace("[core]", "[core]\n    remote = store"))


def test_every_object_is_looked_at(repository):
    assert doctor.look("store", fix=False).startswith("5 objects are whole")
    answer = ask()
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_corrupt_object_is_reported_with_both_hashes_and_left_alone(repository):
    place = object_path(name_of("out.txt"), CACHE)
    spoil(place)
    answer = ask()
    assert answer.returncode == 1
    assert f"out.txt: {name_of('out.txt')} is corrupt ({md5_of_path(place)} found) in " in answer.stdout
    assert "dvc repro make" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert md5_of_path(place) != name_of("out.txt")


@pytest.mark.parametrize("damage", [spoil, Path.unlink])
@pytest.mark.parametrize("path", ["out.txt", "folder/b", "folder", "added.csv"])
def test_an_object_is_copied_from_the_workspace(repository, path, damage, capsys):
    lock, place = Path("dvc.lock").read_bytes(), object_path(name_of(path), CACHE)
    damage(place)
    with pytest.raises(PipelineError, match="missing or corrupt"):
        doctor.look(None, fix=False)
    assert f"{Path(path)}: " in capsys.readouterr().out
    doctor.look(None, fix=True)
    assert place.stat().st_mode & 0o777 == 0o444
    assert Path("dvc.lock").read_bytes() == lock


def test_a_list_and_a_file_of_the_same_folder_are_mended(repository):
    spoil(object_path(name_of("folder/b"), CACHE))
    spoil(object_path(name_of("folder"), CACHE))
    Path("folder/b").unlink()
    doctor.look("store", fix=True)


@pytest.mark.slow
def test_what_dvc_handed_out_corrupt_is_fetched_and_replaced(repository):
    use_store()
    hand_out("out.txt", "folder/b", "added.csv")
    assert "up to date" in dvc("status")
    doctor.look(None, fix=True)
    assert not any(Path(path).read_bytes().startswith(b"XXX") for path in ("out.txt", "folder/b", "added.csv"))


@pytest.mark.slow
def test_without_a_copy_the_stage_runs_again(repository):
    lock = Path("dvc.lock").read_bytes()
    hand_out("out.txt", "folder/b")
    doctor.look(None, fix=True)
    assert all(Path(path).read_text() == f"this is {path}" for path in ("out.txt", "folder/a", "folder/b"))
    assert Path("dvc.lock").read_bytes() == lock


def test_without_a_copy_or_a_stage_nothing_is_thrown_away(repository):
    place = object_path(name_of("added.csv"), CACHE)
    for copy in (place, object_path(name_of("added.csv"), STORE)):
        spoil(copy)
    Path("added.csv").unlink()
    use_store()
    answer = ask("--fix")
    assert answer.returncode == 1
    assert "`dvc add added.csv` the original" in answer.stderr
    assert place.read_bytes().startswith(b"XXX")


@pytest.mark.parametrize("damage", [spoil, Path.unlink])
def test_a_remote_folder_is_looked_at_and_mended(repository, damage):
    for path in ("out.txt", "folder/b"):
        damage(object_path(name_of(path), STORE))
    assert ask().returncode == 0
    answer = ask("--remote", "store")
    assert answer.returncode == 1
    assert answer.stdout.count(f"in {Path('store').resolve()}") == 2
    assert "5 objects are whole" in doctor.look("store", fix=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [(["nope"], "no remote nope"), (["far"], "is no folder"), (["gone"], "does not exist")],
)
def test_remotes_that_cannot_be_looked_at(repository, options, words):
    with Path(".dvc/config").open("a") as config:
        config.write("['remote \"far\"']\n    url = ssh://example.com/store\n['remote \"gone\"']\n    url = ../gone\n")
    with pytest.raises(PipelineError, match=words):
        doctor.look(*options, fix=False)


def test_outside_a_repository_the_answer_is_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = ask()
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "error: you are not inside of a DVC repository" in answer.stderr


@pytest.fixture
def rwlock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("content", ["", '{"read": {', "\0" * 12])
def test_a_broken_rwlock_is_moved_away_with_a_message(rwlock, content):
    rwlock.write_text(content)
    answer = ask("--locks")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "killed DVC process" in answer.stdout
    assert not rwlock.exists()
    assert ask("--locks").stdout == ""


def test_dvc_works_again_and_runs_nothing_again(repository):
    for name in ("rwlock", "lock", "rwlock.lock"):  # what the last two contain is of no consequence
        Path(".dvc/tmp", name).write_text("{")
    lock = Path("dvc.lock").read_bytes()
    Path("dvc.lock").write_bytes(lock[:100])
    assert ask("--locks").stdout.count("killed DVC process") == 2
    assert "cached - skipping run" in dvc("repro")
    assert Path("dvc.lock").read_bytes() == lock


@pytest.mark.parametrize(
    "end", [b"    params:\n", b"    outs:\n    - path: x\n", b"    outs:\n    -", b"    deps:\n    - 3\n"]
)
def test_of_a_dvc_lock_that_breaks_off_the_whole_stages_stay(rwlock, end):
    first = b"schema: '2.0'\nstages:\n  one:\n    cmd: one\n    outs:\n    - path: a\n      md5: 1f\n"
    broken = first + b"  two:\n" + end
    Path("dvc.lock").write_bytes(broken)
    assert ask("--locks").stdout.count("killed DVC process") == 1
    assert Path("dvc.lock").read_bytes() == first
    assert Path(".dvc/tmp/dvc.lock.broken").read_bytes() == broken
    assert ask("--locks").stdout == ""


def test_wherever_dvc_lock_is_cut_dvc_reads_what_is_left(repository):
    lock = Path("dvc.lock").read_bytes()
    for size in range(0, len(lock), 29):
        Path("dvc.lock").write_bytes(lock[:size])
        mend_locks(Path())
        left = Path("dvc.lock").read_bytes() if Path("dvc.lock").exists() else b""
        assert lock.startswith(left)
    assert "cached - skipping run" in dvc("repro")
    assert Path("dvc.lock").read_bytes() == lock


@pytest.mark.parametrize("path", ["folder/b", "folder"])
def test_what_the_workspace_lacks_comes_back_from_the_cache(repository, path):
    Path("folder/a").chmod(0o600)
    Path("folder/a").write_text("changed by hand")
    shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()
    answer = ask()
    assert answer.returncode == 1
    assert f"{path}: missing here; the cache has it" in answer.stdout
    assert ask("--fix").returncode == 0
    assert Path("folder/b").read_text() == "this is folder/b"
    assert path == "folder" or Path("folder/a").read_text() == "changed by hand"


def test_a_copy_under_another_name_will_do(repository):
    Path("make.py").write_text(MAKE + "Path('folder/a').write_text('this is out.txt')\n")
    dvc("repro", "--quiet")
    Path("out.txt").unlink()
    object_path(name_of("out.txt"), CACHE).unlink()
    doctor.repair(survey(), survey().faults())
    assert object_path(name_of("out.txt"), CACHE).is_file()


def test_where_nothing_was_ever_made_one_line_says_so(repository):
    shutil.rmtree(".dvc/cache")
    shutil.rmtree("folder")
    for path in ("out.txt", "added.csv"):
        Path(path).unlink()
    assert ask().stderr.splitlines()[1:] == [
        "all that dvc.lock names: `dvc pull` fetches it from a remote, `dvc repro` makes it"
    ]


def test_whole_files_are_left_alone(rwlock):
    contents = {rwlock: '{"write": {"/data": {"pid": 1, "cmd": "dvc repro"}}}', Path("dvc.lock"): "schema: '2.0'\n"}
    for path, content in contents.items():
        path.write_text(content)
    assert ask("--locks").stdout == ""
    assert {path: path.read_text() for path in contents} == contents


def test_a_rwlock_that_someone_may_be_writing_is_left_alone(rwlock):
    rwlock.touch()
    with closing(zc.lockfile.LockFile(rwlock.with_name("rwlock.lock"))):
        assert ask("--locks").returncode == 0
    assert rwlock.exists()


def test_a_broken_rwlock_is_left_alone_while_dvc_runs_a_stage(repository):
    Path("make.py").write_text("import time; open('started', 'w').close(); time.sleep(60)")
    worker = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "-q"], start_new_session=True)
    try:
        while not Path("started").exists():
            time.sleep(0.05)
        Path(".dvc/tmp/rwlock").write_text("")
        answer = ask("--locks")
    finally:
        end(worker)
    assert answer.returncode == 1
    assert f"DVC is at work here: {worker.pid} (" in answer.stderr
    assert Path(".dvc/tmp/rwlock").exists()
    assert "killed DVC process" in ask("--locks").stdout


def end(worker):
    """End DVC and then the stage that it started, which would outlive it."""
    import psutil

    family = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
    worker.wait()
    for process in family:
        process.kill()


def test_the_look_at_the_locks_loads_nothing_heavy(rwlock):
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import mlops; mlops.main(['doctor', '--locks'])\n"
    code += "print({'dvc', 'pandas', 'psutil', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"
