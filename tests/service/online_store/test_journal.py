import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.features.online.state import Change
from service.online_store import journal
from service.online_store.journal import InUseError, Journal


@pytest.fixture
def filled(tmp_path):
    found = Journal(tmp_path / "journal.sqlite")
    found.begin("list", 0)
    found.append([Change(key, key, {"amount": float(key)}) for key in range(1, 31)])
    yield found
    found.close()


def keys(found, position=0):
    return [change.key for change in found.after(position)]


def test_many_changes_at_once_are_all_written_in_their_order(filled, monkeypatch):
    monkeypatch.setattr(journal, "CHUNK", 7)
    filled.append([Change(key, None, {"n": float("nan")}) for key in range(31, 131)])
    assert keys(filled) == list(range(1, 131))
    assert filled.position == 130
    filled.append([])
    assert filled.position == 130


def test_a_group_is_written_whole_or_not_at_all(filled, monkeypatch):
    monkeypatch.setattr(journal, "CHUNK", 7)
    with pytest.raises(TypeError):
        filled.append([*(Change(key, 0, {}) for key in range(20)), Change(99, 0, {"no": object()})])
    filled._file.execute(
        "CREATE TRIGGER full BEFORE INSERT ON journal WHEN new.position > 45 BEGIN SELECT RAISE(FAIL, 'full'); END"
    )
    with pytest.raises(Exception, match="full"):
        filled.append([Change(key, 0, {}) for key in range(20)])
    assert keys(filled) == list(range(1, 31))
    assert filled.position == 30


def test_what_is_forgotten_is_gone_and_its_place_is_given_away_piece_by_piece(filled, monkeypatch):
    monkeypatch.setattr(journal, "CHUNK", 7)
    filled.forget(20)
    sizes = []
    while filled.shrink():
        sizes.append(filled._file.execute("SELECT count(*) FROM journal").fetchone()[0])
    assert sizes == [23, 16, 10]
    assert keys(filled) == list(range(21, 31))
    filled.append([Change(31, 0, {})])
    assert filled.position == 31
    filled.forget(31)
    while filled.shrink():
        pass
    assert keys(filled) == []
    filled.append([Change(32, 0, {})])
    assert keys(filled, 31) == [32]


def test_a_journal_that_is_half_given_away_goes_on(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "CHUNK", 7)
    filled.forget(20)
    filled.shrink()
    filled.close()
    again = Journal(tmp_path / "journal.sqlite")
    assert (again.position, again.about()) == (30, ("list", 20))
    assert keys(again, 20) == list(range(21, 31))
    again.close()


def test_a_copy_holds_what_there_was_and_can_be_opened_beside(filled, tmp_path):
    for _ in range(2):  # a copy from before is replaced
        filled.copy(tmp_path / "copy.sqlite")
        filled.append([Change(99, 0, {})])
    with pytest.raises(InUseError):
        Journal(tmp_path / "journal.sqlite")
    copy = Journal(tmp_path / "copy.sqlite")
    assert keys(copy) == [*range(1, 31), 99]
    assert copy.position == 31
    assert copy.about() == ("list", 0)
    copy.close()


def test_an_end_that_is_missing_is_told(filled, tmp_path):
    """SQLite drops what stands behind a damaged page of its log as if it had never been."""
    log, path = tmp_path / "journal.sqlite-wal", tmp_path / "journal.sqlite"
    begun = log.read_bytes()
    filled.append([Change(key, 0, {}) for key in range(31, 200)])
    whole, main = log.read_bytes(), path.read_bytes()
    filled._file.close()
    for content in (b"", begun, whole[: len(whole) // 2], whole[:9000] + b"x" + whole[9001:]):
        path.write_bytes(main)
        log.write_bytes(content)
        with pytest.raises(PipelineError, match=r"damaged, it ends with change \d+ and 199 were acknowledged"):
            Journal(path)
    path.write_bytes(main)
    log.write_bytes(begun)
    (tmp_path / "journal.newest").unlink()  # as it says
    filled._file = Journal(path)._file  # to be closed


@pytest.mark.parametrize("missing", ["position BETWEEN 10 AND 12", "position = 1"])
def test_a_gap_is_told(filled, missing):
    filled._file.execute(f"DELETE FROM journal WHERE {missing}")
    with pytest.raises(PipelineError, match=r"damaged, change 1?[01] is missing; put a copy"):
        keys(filled)


def test_a_change_that_is_none_is_told(filled):
    filled._file.execute("UPDATE journal SET change = '{' WHERE position = 3")
    with pytest.raises(PipelineError, match=r"journal.sqlite: damaged"):
        keys(filled)


def test_a_file_that_is_no_journal_is_told(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"something else" * 1000)
    with pytest.raises(PipelineError, match=r"journal.sqlite: file is not a database; put a copy"):
        Journal(tmp_path / "journal.sqlite")
