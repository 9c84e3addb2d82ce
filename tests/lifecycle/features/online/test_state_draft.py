import pytest
from hypothesis import given, settings

from lifecycle.features.online.state import Draft, State
from lifecycle.problem.record_words import DAY_US
from tests.helpers_model import quick
from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA, state_after, streams

ROW = {"transaction_id": 1, "tx_time": 0, "customer_id": 5, "terminal_id": 6, "amount": 1.0}


def outcome(call, event):
    """Return what a call gives for an event, or how it is refused."""
    try:
        return call(event)
    except ValueError as error:
        return type(error), str(error)


@given(streams)
@settings(parent=quick, max_examples=60)
def test_a_draft_says_what_keeping_one_after_the_other_says_up_to_the_first_refusal(events):
    state, draft = (State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS) for _ in range(2))
    draft = Draft(draft)
    # Half of them come in the reverse order, and some twice: late ones and repeats.
    read = [SCHEMA.event(event.row) for event in events if event.row is not None]
    for event in [*read[::2], *read[::-1]]:
        said = outcome(state.keep, event)
        assert outcome(draft.add, event) == {"accepted": True, "repeated": False}.get(said, said)
        if not isinstance(said, str):
            break


def test_what_the_state_knows_already_counts():
    state = state_after(range(40))
    draft = Draft(state)
    key = SCHEMA.event(ROW | {"transaction_id": 39, "tx_time": 39 * DAY_US // 96})
    with pytest.raises(ValueError, match="record 39: already kept with another"):
        draft.add(key)
    with pytest.raises(ValueError, match="days older than the newest of customer_id 0"):
        draft.add(SCHEMA.event(ROW | {"transaction_id": 99, "customer_id": 0, "tx_time": -DAY_US}))
    new = SCHEMA.event(ROW | {"transaction_id": 99})
    assert [draft.add(new), draft.add(new)] == [True, False]
    assert state.store.find(99) is None
