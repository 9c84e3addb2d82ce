import pytest
from hypothesis import given, settings

from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US, Hour, Raw
from problems.transactions import PROBLEM
from tests.helpers_model import quick
from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA, differing, streams, take

ROW = {"transaction_id": 1, "tx_time": 0, "customer_id": 5, "terminal_id": 6, "amount": 1.0}


@given(streams)
@settings(parent=quick, max_examples=25)
def test_the_changes_make_the_same_state_again(events):
    state, other = (State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS) for _ in range(2))
    for event in events:
        take(state, event)
        for change in state.changes:
            other.apply(change)
        state.changes.clear()
    assert other.store._records.keys() == state.store._records.keys()
    for row in (event.row for event in events if event.row is not None):
        try:
            wanted = state.features(row)
        except ValueError:
            continue
        assert not differing(other.features(row), wanted)


def test_applying_a_change_twice_does_no_more_than_once():
    state, other = State(PLAN, SCHEMA), State(PLAN, SCHEMA)
    state.update(ROW)
    state.label(1, {"is_fraud": 1})
    for change in state.changes * 2:
        other.apply(change)
    later = ROW | {"transaction_id": 2, "tx_time": 8 * DAY_US}
    assert other.update(later) == state.update(later)
    assert other.update(later)["shop_rate_30d"] == 1.0


def test_a_label_counts_from_the_delay_on_and_may_be_taken_back():
    state = State(PLAN, SCHEMA)
    state.update(ROW)
    assert state.label(1, {"is_fraud": 1, "fraud_scenario": 2})
    probe = ROW | {"transaction_id": 2, "tx_time": 7 * DAY_US}
    assert state.features(probe)["shop_rate_30d"] == 1.0
    assert state.features(probe | {"tx_time": 7 * DAY_US - 1})["shop_rate_30d"] == 0.0
    assert state.label(1, {"is_fraud": 0})
    assert state.features(probe)["shop_rate_30d"] == 0.0


def test_a_label_that_changes_nothing_is_not_journaled():
    state = State(PLAN, SCHEMA)
    state.update(ROW)
    assert state.label(1, {"is_fraud": 0})
    assert state.label(1, {})
    assert len(state.changes) == 1


def test_labels_of_unknown_and_of_forgotten_payments_are_told():
    state = State(PLAN, SCHEMA)
    state.update(ROW)
    assert not state.label(2, {"is_fraud": 1})
    for n in range(2, 15):
        state.update(ROW | {"transaction_id": n, "tx_time": 100 * DAY_US + n})
    assert state.label(2, {"is_fraud": 1})
    for n in range(15, 30):
        state.update(ROW | {"transaction_id": n, "tx_time": 200 * DAY_US + n})
    assert not state.label(2, {"is_fraud": 1})


@pytest.mark.parametrize(("column", "value"), [("amount", 2.0), ("customer_id", 4), ("tx_time", 1)])
def test_another_payment_under_a_key_that_is_taken_is_refused(column, value):
    state = State(PLAN, SCHEMA)
    state.update(ROW)
    for call in (state.update, state.features):
        with pytest.raises(ValueError, match=f"record 1: already kept with another {column}"):
            call(ROW | {column: value})
    assert not differing(state.update(ROW | {"is_fraud": 1}), state.update(ROW))


def test_a_payment_with_a_label_of_its_own_keeps_it():
    state = State(PLAN, SCHEMA)
    state.update(ROW | {"is_fraud": 1})
    probe = ROW | {"transaction_id": 2, "tx_time": 7 * DAY_US}
    assert state.features(probe)["shop_rate_30d"] == 1.0


def test_a_list_without_windows_keeps_nothing_and_answers():
    plan = Plan((Raw("amount"), Hour()), {})
    state = State(plan, Schema.of(PROBLEM, plan))
    assert state.update(ROW) == {"amount": 1.0, "hour": 0.0}
    assert not state.changes
    assert not state.label(1, {"is_fraud": 1})


def test_taking_an_event_tells_what_it_came_to():
    state = State(PLAN, SCHEMA)
    event, fraud = SCHEMA.event(ROW), SCHEMA.label(1, {"is_fraud": 1})
    assert [state.keep(each) for each in (fraud, event, event, fraud, fraud)] == [
        "unknown", "accepted", "repeated", "accepted", "repeated",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="record 1: already kept with another amount"):
        state.keep(SCHEMA.event(ROW | {"amount": 2.0}))


def test_a_label_does_not_reach_the_journal_before_its_own_change():
    state = State(PLAN, SCHEMA)
    state.update(ROW)
    state.label(1, {"is_fraud": 1})
    assert [change.values["is_fraud"] for change in state.changes] == [0, 1]
