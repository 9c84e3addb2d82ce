import json
import subprocess
import sys

from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import declaration_of
from problems.transactions import PROBLEM
from tests.graph import ROOT
from tests.helpers_online import PLAN, SCHEMA, see, state_after
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_store import assert_answers_alike, opened


def test_a_snapshot_and_a_copy_of_the_journal_become_a_snapshot_of_both(tmp_path):
    store, made = opened(tmp_path / "store"), tmp_path / "made.npz"
    for key in range(60):
        see(store, key)
        if key == 30:
            store.compact()
    store.commit()
    store.journal.copy(tmp_path / "copy.sqlite")
    task = {
        "declaration": [declaration_of(feature) for feature in EVERYTHING],
        "decimals": PROBLEM.decimals,
        "snapshot": str(store.path),
        "journal": str(tmp_path / "copy.sqlite"),
        "made": str(made),
        "horizon": -DAY_US,
    }
    command = [sys.executable, "-m", "service.online_store.compaction_process"]
    subprocess.run(command, cwd=ROOT / "src", input=json.dumps(task), text=True, check=True)
    found = Snapshot.load(made)
    assert found.position == store.journal.position
    assert_answers_alike(State(PLAN, SCHEMA, found), state_after(range(60)), 59)
    see(store, 60)
    store.commit()
    store.adopt(made, found.position)
    assert store.backlog == 1
    store.close()
    again = opened(tmp_path / "store")
    assert_answers_alike(again, state_after(range(61)), 60)
    assert again.backlog == 1
    again.close()
