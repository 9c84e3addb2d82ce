from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.features.aggregates.track import SPARE
from lifecycle.features.online.evaluator import LateRecordError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from problems.transactions import PROBLEM
from tests.helpers_model import quick
from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA, Event, differing, expected, payments_of, streams, take
from tests.helpers_payments import EVERYTHING

some = settings(parent=quick, max_examples=25)


@given(streams)
@quick
def test_each_payment_gets_what_a_table_of_those_so_far_gives_it(events):
    state = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS)
    for count, event in enumerate(events, 1):
        found = take(state, event)
        if found is not None:
            assert not differing(found, expected(payments_of(events[:count]))[event.key])


@given(streams)
@some
def test_asked_again_at_the_end_each_payment_gets_what_the_whole_table_gives_it(events):
    state = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS)
    for event in events:
        take(state, event)
    wanted = expected(payments_of(events))
    for row in (event.row for event in events if event.row is not None):
        try:
            assert not differing(state.features(row), wanted[row["transaction_id"]])
        except LateRecordError:
            same = [e.row for e in events if e.row and any(e.row[by] == row[by] for by in PLAN.tracks)]
            assert max(other["tx_time"] for other in same) - row["tx_time"] > LATENESS_DAYS * DAY_US


@given(streams, st.data())
@some
def test_a_question_or_a_retry_changes_nothing(events, data):
    asked, silent = (State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS) for _ in range(2))
    for event in events:
        wanted = take(silent, event)
        if event.row is None:
            take(asked, event)
            continue
        assert not differing(asked.features(event.row), wanted)
        for _ in range(data.draw(st.integers(1, 3))):
            assert not differing(asked.update(event.row), wanted)
    assert len(asked.changes) == len(silent.changes)


@given(streams)
@some
def test_no_entity_keeps_more_than_its_windows_can_reach_and_a_few(events):
    state = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS)
    for number, event in enumerate(event for _ in range(4) for event in events):  # so that there is enough to drop
        shift = number // len(events) * 50 * DAY_US
        row = event.row and event.row | {"transaction_id": number, "tx_time": event.row["tx_time"] + shift}
        try:
            take(state, Event(0, event.key, row, event.fraud))
        except LateRecordError:  # the streams overlap where they meet
            continue
        assert_bounded(state)


def assert_bounded(state):
    lateness = LATENESS_DAYS * DAY_US
    alive = set()
    for by, entities in state.store._entities.items():
        for entity in entities.values():
            alive |= set(entity.everything.arrivals)
            newest = entity.everything.times[-1]
            reaches = [PLAN.reach_us(by), *(plan.reach_us for plan in PLAN.tracks[by])]
            for track, reach in zip([entity.everything, *entity.tracks], reaches, strict=True):
                assert sum(time <= newest - lateness - reach for time in track.times) <= SPARE
                assert len(track.arrivals) == len(track.times)
    assert alive == set(state.store._records) == set(state.store._arrival_of.values())


def test_a_payment_older_than_the_state_remembers_is_refused_in_words_and_changes_nothing():
    state = State(PLAN, SCHEMA, lateness_days=1)
    row = {"transaction_id": 1, "tx_time": 10 * DAY_US, "customer_id": 5, "terminal_id": 6, "amount": 1.0}
    state.update(row)
    for late in ({"tx_time": 9 * DAY_US - 1}, {"tx_time": 9 * DAY_US - 1, "customer_id": 4}):
        by, value = ("terminal_id", 6) if "customer_id" in late else ("customer_id", 5)
        with pytest.raises(
            LateRecordError, match=rf"record 2: 1\.00 days older than the newest of {by} {value}; at most"
        ):
            state.update(row | {"transaction_id": 2} | late)
    assert len(state.changes) == 1
    assert state.update(row | {"transaction_id": 2, "tx_time": 9 * DAY_US})["card_count_30d"] == 1


def test_a_failure_half_way_leaves_no_trace():
    plan = Plan(EVERYTHING, PROBLEM.decimals)
    state = State(plan, SCHEMA)
    row = {"transaction_id": 1, "tx_time": 0, "customer_id": 5, "terminal_id": 6, "amount": 1.0}
    first = state.features(row)
    broken = SimpleNamespace(name="broken", online=lambda values, time: 1 / 0)
    plan.layers[-1].words.append(broken)
    for call in (state.update, state.features):
        with pytest.raises(ZeroDivisionError):
            call(row)
    plan.layers[-1].words.pop()
    assert not state.changes
    assert not differing(state.update(row), first)
