import errno
import json
import sqlite3

import pytest

from lifecycle.core.errors import PipelineError, run


def failing(error):
    def main():
        raise error

    return main


def message_of(error):
    with pytest.raises(SystemExit) as ended:
        run(failing(error))
    return ended.value.code  # text: Python prints it on stderr and ends with status 1


def test_run_calls_main_once_and_lets_the_process_end_well():
    calls = []
    run(lambda: calls.append(1))
    assert calls == [1]


def test_mistake_of_people_is_told_in_words():
    assert message_of(PipelineError("column amount: missing")) == "error: column amount: missing"


def test_full_disk_names_the_file_and_says_what_to_do():
    message = message_of(OSError(errno.ENOSPC, "No space left on device", "models/model.joblib"))
    assert message.startswith("error: models/model.joblib: No space left on device")
    assert "free some space" in message


@pytest.mark.parametrize("words", ["disk I/O error", "database or disk is full"])
def test_a_full_disk_under_sqlite_is_told_too(words):
    message = message_of(sqlite3.OperationalError(words))
    assert message.startswith("error: SQLite, where DVC remembers the hashes of files")
    assert words in message
    assert "free some space" in message


@pytest.mark.parametrize("kind", [PermissionError, FileNotFoundError, IsADirectoryError])
def test_file_that_cannot_be_used_is_named_without_talk_of_space(kind):
    number = {PermissionError: errno.EACCES, FileNotFoundError: errno.ENOENT, IsADirectoryError: errno.EISDIR}[kind]
    assert message_of(kind(number, "reason", "data/raw/records.parquet")) == "error: data/raw/records.parquet: reason"


def test_system_error_without_a_file_still_has_its_reason():
    assert message_of(OSError(errno.ENOMEM, "Cannot allocate memory")) == "error: Cannot allocate memory"


@pytest.mark.parametrize("error", [ValueError("bug"), KeyError("bug"), OSError("raised by a library without a number")])
def test_mistake_of_ours_keeps_its_traceback(error):
    with pytest.raises(type(error)) as raised:
        run(failing(error))
    assert raised.value is error


@pytest.fixture
def timed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["src/train.py"])
    return tmp_path


def test_a_stage_leaves_its_time_where_dvc_keeps_what_is_not_tracked(timed, monkeypatch):
    (timed / ".dvc").mkdir()
    run(lambda: None)
    monkeypatch.setattr("sys.argv", ["src/decide.py"])
    run(lambda: None)
    times = json.loads((timed / ".dvc/tmp/stage_times.json").read_text(encoding="utf-8"))
    assert list(times) == ["train", "decide"]
    assert all(0 <= seconds < 5 for seconds in times.values())
    assert [path.name for path in (timed / ".dvc/tmp").iterdir()] == ["stage_times.json"]


def test_a_stage_that_fails_leaves_no_time(timed):
    (timed / ".dvc").mkdir()
    message_of(PipelineError("bad"))
    assert not (timed / ".dvc/tmp").exists()


@pytest.mark.parametrize("content", ["", "[1]", "{", None])
def test_a_time_that_cannot_be_kept_is_no_reason_to_fail(timed, content):
    if content is not None:
        (timed / ".dvc/tmp").mkdir(parents=True)
        (timed / ".dvc/tmp/stage_times.json").write_text(content, encoding="utf-8")
    run(lambda: None)


def test_a_folder_of_dvc_that_is_read_only_is_no_reason_to_fail(timed):
    (timed / ".dvc").mkdir()
    (timed / ".dvc/tmp").write_text("a file", encoding="utf-8")
    run(lambda: None)


def test_other_scripts_leave_no_time(timed, monkeypatch):
    (timed / ".dvc").mkdir()
    monkeypatch.setattr("sys.argv", ["benchmarks/features.py"])
    run(lambda: None)
    assert not (timed / ".dvc/tmp").exists()
