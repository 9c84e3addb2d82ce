import random
import sqlite3
import subprocess
import sys
import time

import pytest

from lifecycle.features.online.snapshot import Snapshot
from service.online_store.journal import Journal
from tests.graph import ROOT
from tests.helpers_online import see, state_after
from tests.service.helpers_crash import GROUP
from tests.service.helpers_store import assert_answers_alike, filled_at, opened


@pytest.fixture
def filled(tmp_path):
    return filled_at(tmp_path / "store")


def test_what_was_not_committed_never_happened(filled):
    store = opened(filled)
    see(store, 40)
    store.journal.close()  # as if the process had died
    store = opened(filled)
    assert_answers_alike(store, state_after(range(40)), 39)
    store.close()


@pytest.mark.parametrize("step", [(Snapshot, "save"), (Journal, "forget")], ids=["writing", "emptying"])
def test_a_crash_in_the_middle_of_compacting_is_harmless(filled, monkeypatch, step):
    store = opened(filled)

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*step, die)
        with pytest.raises(KeyboardInterrupt):
            store.compact()
    store.journal.close()
    state = state_after(range(40))
    for key in (40, 41):  # go on, and compact well
        store = opened(filled)
        assert_answers_alike(store, state, key - 1)
        see(store, key)
        see(state, key)
        store.compact()
        store.close()
    assert len(Snapshot.load(filled / "state.npz").time) == 42


def test_a_commit_that_fails_can_be_tried_again(filled):
    store = opened(filled)
    see(store, 40)
    store.journal._file.execute("PRAGMA query_only = 1")
    with pytest.raises(sqlite3.OperationalError):
        store.commit()
    store.journal._file.execute("PRAGMA query_only = 0")
    store.close()
    store = opened(filled)
    assert_answers_alike(store, state_after(range(41)), 40)
    store.close()


@pytest.mark.slow
def test_whenever_it_is_killed_nothing_acknowledged_is_lost(tmp_path):
    folder, acknowledged, rng = tmp_path / "store", 0, random.Random(0)
    for _ in range(6):
        script = [sys.executable, str(ROOT / "tests/service/helpers_crash.py"), str(folder), str(acknowledged)]
        process = subprocess.Popen(script, stdout=subprocess.PIPE, text=True)
        first = process.stdout.readline()
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        keys = [int(line) for line in (first + process.stdout.read()).split()]
        process.wait()
        assert keys == list(range(acknowledged, acknowledged + len(keys)))
        acknowledged += len(keys)
        store = opened(folder)
        kept = acknowledged  # a group can be on disk that could not be acknowledged any more: all of it, or nothing
        if store.state.store.find(acknowledged) is not None:
            kept += GROUP
        assert store.state.store.find(kept) is None
        assert_answers_alike(store, state_after(range(kept)), kept - 1)
        store.close()
    assert acknowledged > 100
