import random
import subprocess
import sys
import threading
import time

import pytest

from lifecycle.features.online.state import State
from service.inputs.raw_records import transaction
from service.online_store.events import list_of
from tests.graph import ROOT
from tests.service.helpers_home import ask, label, listed, opened, payment, run
from tests.service.helpers_killed import CLIENTS

SEEN = 30 * 96  # payments in the longest window, a quarter of an hour apart


def snapshot_time(store):
    return (store / "state.npz").stat().st_mtime_ns


def killed_after(seconds, compactions, servable, store, first):
    """Run the service, kill it some time after some compactions, and return which payments it has acknowledged."""
    command = [
        sys.executable,
        str(ROOT / "tests/service/helpers_killed.py"),
        str(servable.folder),
        str(store),
        str(first),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "open\n"
    said = []
    reading = threading.Thread(target=lambda: said.append(process.stdout.read()))  # a full pipe would stop it
    reading.start()
    end = time.monotonic() + 60
    for _ in range(compactions):
        before = snapshot_time(store)
        while snapshot_time(store) == before:
            assert time.monotonic() < end, "nothing is compacted"
            time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    reading.join()
    process.wait()
    process.stdout.close()
    return {int(line) for line in said[0].splitlines(keepends=True) if line.endswith("\n")}


async def kept_in(home, servable, first, last):
    """Return which payments a home knows, without adding any: only repeats are kept."""
    known = home._store._state.store
    return {key for key in range(first, last) if known.find(key) is not None}


def state_of(servable, keys):
    """Return a state that has seen payments and their labels."""
    made = list_of(servable)
    state = State(made.plan, made.schema)
    for key in keys:
        state.update(transaction(servable, payment(key), 0))
        if key % 3 == 0:
            state.label(key, label(key)["label"])
    return state


@pytest.mark.nightly
def test_whenever_it_is_killed_nothing_acknowledged_is_lost(tmp_path):
    servable, store, rng = listed(tmp_path / "bundle"), tmp_path / "store", random.Random(0)
    everything, first, snapshots = [], 0, set()
    # At any moment; just when a snapshot has taken the place of another, before the journal is shortened; and later.
    moments = [(rng.uniform(0, 1), 0), (0, 1), (rng.uniform(0, 0.02), 2), (rng.uniform(0, 0.5), 1)]

    async def look(acknowledged):
        async with opened(servable, store) as home:
            snapshots.add(snapshot_time(store))
            kept = await kept_in(home, servable, first, max(acknowledged, default=first) + CLIENTS + 1)
            newest = max(acknowledged, default=first)  # what no window sees any more may be forgotten
            assert {key for key in acknowledged if key > newest - SEEN} <= kept
            assert len(kept - acknowledged) <= CLIENTS  # on disk, but the answer came no more
            everything.extend(sorted(kept))
            # A payment and its label are one request: both are there, or none.
            probes = [
                payment(everything[-1] + 1 + days * 96, customer_id=n % 3) for n, days in enumerate((0, 1, 7, 8, 31))
            ]
            state = state_of(servable, everything)
            wanted = [state.features(transaction(servable, probe, 0)) for probe in probes]
            found = await ask(home, servable, *probes)
            for one, other in zip(found, wanted, strict=True):
                assert repr({name: one[name] for name in other}) == repr(other)

    for seconds, compactions in moments:
        acknowledged = killed_after(seconds, compactions, servable, store, first)
        run(look(acknowledged))
        first = everything[-1] + 1 if everything else 0
    assert len(everything) > 100
    assert len(snapshots) == len(moments)
