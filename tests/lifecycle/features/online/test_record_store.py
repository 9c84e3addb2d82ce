import pytest

from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from tests.helpers_online import PLAN, SCHEMA, differing

REACH = 38  # days that the windows of terminals look back, and a day for late ones
CARDS = 31


def payment(key, day, card=0, shop=0):
    row = {"transaction_id": key, "tx_time": round(day * DAY_US), "customer_id": card, "terminal_id": shop}
    return row | {"amount": 5.0 + key}


def expire(state, day):
    return sum(1 for _ in state.store.expire(round(day * DAY_US)))


@pytest.fixture
def state():
    """Return a state that has seen card 1 on day 0, and cards 2 and 3 on day 50, at three shops."""
    state = State(PLAN, SCHEMA)
    for key in range(20):
        state.update(payment(key, 0, 1, 1))
        state.update(payment(100 + key, 50, 2 + key % 2, 2 + key % 2))
    return state


def entities(state):
    return {by: set(found) for by, found in state.store._entities.items()}


def test_only_entities_that_no_window_can_reach_are_forgotten(state):
    before = [state.features(payment(999, day, card, shop)) for day in (50, 51) for card in (2, 3) for shop in (2, 3)]
    expire(state, CARDS - 0.01)
    assert entities(state) == {"customer_id": {1, 2, 3}, "terminal_id": {1, 2, 3}}
    expire(state, CARDS)
    assert entities(state) == {"customer_id": {2, 3}, "terminal_id": {1, 2, 3}}
    assert state.label(0, {"is_fraud": 1})  # the shop still holds it
    expire(state, REACH + 1)
    assert entities(state) == {"customer_id": {2, 3}, "terminal_id": {2, 3}}
    assert not state.label(0, {"is_fraud": 0})
    assert state.store.size() == {"entities": 4, "records": 20}
    after = [state.features(payment(999, day, card, shop)) for day in (50, 51) for card in (2, 3) for shop in (2, 3)]
    for found, wanted in zip(after, before, strict=True):
        assert not differing(found, wanted)


def test_a_forgotten_card_that_comes_back_in_time_gets_what_it_would_have_got(state):
    other = State(PLAN, SCHEMA)
    for change in state.changes:
        other.apply(change)
    expire(state, 50)
    for key, day in ((200, 49), (201, 49.5), (202, 60)):
        assert not differing(state.update(payment(key, day, 1, 9)), other.update(payment(key, day, 1, 9)))


def test_a_forgotten_card_that_comes_back_too_late_is_refused_and_not_answered_wrong(state):
    expire(state, 50)
    for call in (state.features, state.update):
        with pytest.raises(ValueError, match="customer_id 1; at most 1 can be taken"):
            call(payment(200, 48.9, 1, 2))
    assert state.features(payment(200, 49, 1, 2))["card_count_30d"] == 1


def test_time_does_not_go_back(state):
    expire(state, 50)
    expire(state, 10)
    assert state.store.horizon == 50 * DAY_US


def test_a_snapshot_leaves_forgotten_entities_out_and_knows_since_when(state, tmp_path):
    expire(state, 50)
    state.snapshot().save(tmp_path / "state.npz")
    again = State(PLAN, SCHEMA, Snapshot.load(tmp_path / "state.npz"))
    assert again.store.size() == {"entities": 4, "records": 20}
    with pytest.raises(ValueError, match="days older than the newest"):
        again.features(payment(200, 48.9, 1, 2))
    assert not differing(again.features(payment(200, 49, 1, 9)), state.features(payment(200, 49, 1, 9)))


def test_a_snapshot_of_a_state_that_forgot_nobody_is_what_it_was(state, tmp_path):
    state.snapshot().save(tmp_path / "state.npz")
    assert Snapshot.load(tmp_path / "state.npz").horizon is None


def test_entities_of_a_snapshot_that_nobody_asked_for_are_forgotten_too(state):
    again = State(PLAN, SCHEMA, state.snapshot())
    expire(again, 50)
    assert again.features(payment(200, 49.5, 1, 1))["card_count_30d"] == 1
    assert not again.label(0, {"is_fraud": 1})
    assert again.snapshot().time.min() == 50 * DAY_US


def test_whoever_asks_for_cards_that_do_not_exist_fills_no_memory(state):
    for key in range(300):
        state.features(payment(1_000 + key, 50, 1_000 + key, 1_000 + key))
        assert not state.label(1_000 + key, {"is_fraud": 1})
    assert len(state.store._without_records) == 0
    assert state.store.size() == {"entities": 6, "records": 40}


def test_others_get_a_turn_among_many(monkeypatch):
    state = State(PLAN, SCHEMA)
    for key in range(2_500):
        state.update(payment(key, 0, key, 0))
    assert expire(state, 100) == 3 + 1
    assert state.store.size() == {"entities": 0, "records": 0}
