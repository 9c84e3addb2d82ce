import shutil
import subprocess
import sys

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.state import State
from problems.transactions import PROBLEM
from tests.graph import ROOT
from tests.helpers_online import SCHEMA, see, state_after
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_store import assert_answers_alike, filled_at, opened


@pytest.fixture
def filled(tmp_path):
    return filled_at(tmp_path / "store")


def test_a_store_goes_on_where_it_was(filled):
    store, state = opened(filled), state_after(range(40))
    assert_answers_alike(store, state, 39)
    for key in range(30, 60):  # ten retries among them
        see(store, key)
        see(state, key)
    store.compact()
    assert_answers_alike(store, state, 59)
    store.close()
    again = opened(filled)
    assert_answers_alike(again, state, 59)
    again.close()


def test_a_store_that_is_open_is_refused_to_others(filled):
    store = opened(filled)
    with pytest.raises(PipelineError, match="another process has this store open"):
        opened(filled)
    code = f"import sys; sys.path.append('src'); sys.argv = ['', {str(filled)!r}, 0]"
    code += "; from tests.service.helpers_crash import *"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; main()"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "InUseError" in done.stderr
    assert "another process has this store open; use another folder" in done.stderr
    see(store, 40)
    store.close()
    opened(filled).close()


def test_a_store_for_another_list_or_another_base_is_refused_in_words(filled, tmp_path):
    other = Plan(EVERYTHING[:-1], PROBLEM.decimals)
    with pytest.raises(PipelineError, match="the journal was made for another feature list"):
        opened(filled, plan=other)
    with pytest.raises(PipelineError, match="the snapshot was made for another feature list"):
        opened(tmp_path / "new", base=State(other, SCHEMA).snapshot())
    State(other, SCHEMA).snapshot().save(filled / "state.npz")
    with pytest.raises(PipelineError, match="the snapshot was made for another feature list"):
        opened(filled)


def test_a_store_with_a_part_missing_is_refused_in_words(filled, tmp_path):
    old = shutil.copy(filled / "state.npz", tmp_path / "old.npz")
    store = opened(filled)
    store.compact()
    store.close()
    shutil.copy(old, filled / "state.npz")
    with pytest.raises(PipelineError, match=r"state\.npz: older than the beginning of the journal"):
        opened(filled)
    (filled / "state.npz").unlink()
    with pytest.raises(PipelineError, match=r"state\.npz: no such file"):
        opened(filled)


def test_the_base_is_for_a_new_folder_only(filled, tmp_path):
    base = state_after(range(20)).snapshot()
    store = opened(tmp_path / "new", base=base)
    assert_answers_alike(store, state_after(range(20)), 19)
    store.close()
    store = opened(filled, base=base)
    assert_answers_alike(store, state_after(range(40)), 39)
    store.close()


def test_a_damaged_snapshot_is_told(filled):
    (filled / "state.npz").write_bytes((filled / "state.npz").read_bytes()[:-100])
    with pytest.raises(PipelineError, match=r"state.npz: damaged.*put a copy of the folder in its place"):
        opened(filled)


def test_a_snapshot_whose_journal_is_gone_is_told(filled):
    for path in filled.glob("journal.sqlite*"):
        path.unlink()
    with pytest.raises(PipelineError, match=r"ends with change 0 and \d+ were acknowledged"):
        opened(filled)
