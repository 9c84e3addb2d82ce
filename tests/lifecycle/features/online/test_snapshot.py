import numpy as np
import pytest
from hypothesis import given, settings

from lifecycle.core.errors import PipelineError
from lifecycle.features.online import snapshot as snapshot_file
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Window
from tests.helpers_model import quick
from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA, differing, streams, take

TEXT = Plan((Window("n", "distinct", by="card", of="shop", days=(30,)),), {})
TEXT_SCHEMA = Schema("id", "time", str, {"card": str, "shop": str}, frozenset(), frozenset(), {})
STRANGE = ["", "a", "a\0", "b" * 9_999, "\ud800", "5"]


def saved(state, path):
    state.snapshot().save(path)
    return Snapshot.load(path)


@given(streams)
@settings(parent=quick, max_examples=25)
def test_a_state_goes_on_from_its_snapshot_as_if_nothing_had_happened(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("snapshot") / "state.npz"
    state = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS)
    for event in events[: len(events) // 2]:
        take(state, event)
    other = State(PLAN, SCHEMA, saved(state, path), LATENESS_DAYS)
    for event in events[len(events) // 2 :]:
        found, wanted = take(other, event), take(state, event)
        assert (found is None and wanted is None) or not differing(found, wanted)
    assert_same(other.snapshot(), state.snapshot())
    again = saved(other, path)
    assert_same(again, state.snapshot())
    first = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == first


def assert_same(one, other):
    assert (one.digest, one.lateness_us) == (other.digest, other.lateness_us)
    for a, b in [(one.time, other.time), (one.key, other.key), *((one.values[n], other.values[n]) for n in one.values)]:
        np.testing.assert_array_equal(a, b)


def rows_of_text():
    return [{"id": f"{text}!", "time": n, "card": text, "shop": text} for n, text in enumerate(STRANGE)]


def test_text_comes_back_as_it_was(tmp_path):
    state = State(TEXT, TEXT_SCHEMA)
    for row in rows_of_text():
        state.update(row)
    path = tmp_path / "state.npz"
    found = saved(state, path)
    assert found.values["card"].tolist() == STRANGE
    assert found.key.tolist() == [f"{text}!" for text in STRANGE]
    assert path.stat().st_size < 60_000  # one long text does not make the others long
    other = State(TEXT, TEXT_SCHEMA, found)
    for row in rows_of_text():
        assert other.update(row) == {"n_30d": 1}
    assert not other.changes
    assert other.update({"id": "new", "time": 9, "card": "a", "shop": "a\0"}) == {"n_30d": 2}


def test_a_snapshot_of_nothing_is_a_start_too(tmp_path):
    empty = saved(State(PLAN, SCHEMA), tmp_path / "state.npz")
    state = State(PLAN, SCHEMA, empty)
    assert not state.label(1, {"is_fraud": 1})
    row = {"transaction_id": 1, "tx_time": 0, "customer_id": 5, "terminal_id": 6, "amount": 1.0}
    assert state.update(row)["card_count_30d"] == 1
    assert len(state.snapshot().time) == 1


def test_a_snapshot_for_another_list_or_less_lateness_is_refused_in_words():
    snapshot = State(PLAN, SCHEMA, lateness_days=1).snapshot()
    with pytest.raises(PipelineError, match=r"the snapshot was made for another feature list .*make a new snapshot"):
        State(TEXT, TEXT_SCHEMA, snapshot)
    with pytest.raises(PipelineError, match="holds what records up to 1 days late need, not 2"):
        State(PLAN, SCHEMA, snapshot, lateness_days=2)
    State(PLAN, SCHEMA, snapshot, lateness_days=0.5)


def test_a_failed_write_leaves_the_old_snapshot(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    State(PLAN, SCHEMA).snapshot().save(path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot_file, "write_arrays", fail)
    with pytest.raises(OSError, match="No space"):
        Snapshot(np.array([DAY_US]), np.array([1]), {}, "x", 0).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
