"""The life cycle: which steps are legal, and that no walk of legal steps leaves it."""

from typing import get_args

import pytest
from gto.constants import assert_name_is_valid
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.core.release_params import Environment
from lifecycle.release.registry.transitions import (
    TRIED,
    State,
    Step,
    in_state,
    legal_steps,
    plan,
    rollback_number,
    stage_of,
    state_of,
)
from tests.helpers_model import quick

A, B, C = "v0.1.0", "v0.2.0", "v0.3.0"
STEPS, STATES = get_args(Step), get_args(State)
LEGAL = {  # of B, while A answers
    "registered": {"shadow", "reject", "retire"},
    "shadow": {"canary", "ab", "reject"},
    "canary": {"canary", "ab", "promote", "reject", "rollback"},
    "ab": {"canary", "promote", "reject", "rollback"},
    "previous": {"retire", "reject"},
    "retired": {"shadow"},
    "rejected": {"shadow"},
}


@pytest.mark.parametrize("state", LEGAL)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_legal_or_refused_with_the_legal_ones_named(state, step):
    states = {A: "live", B: state}
    if step in LEGAL[state]:
        assert plan(states, step, B)[0].before == state
        return
    with pytest.raises(PipelineError) as refused:
        plan(states, step, B)
    named = str(refused.value).split("legal from here: ")[1]
    assert set(named.split(", ")) == LEGAL[state]


def test_a_promotion_keeps_the_version_before_it_and_ends_the_one_before_that():
    moves = plan({A: "previous", B: "live", C: "canary"}, "promote", C)
    assert {(number, after) for number, _, after in moves} == {(A, "retired"), (B, "previous"), (C, "live")}


def test_a_rollback_puts_the_previous_one_back():
    moves = plan({A: "previous", B: "live"}, "rollback", B)
    assert [(number, after) for number, _, after in moves] == [(B, "rejected"), (A, "live")]


def test_a_rollback_takes_back_what_was_changed_last():
    assert rollback_number({A: "previous", B: "live", C: "canary"}) == C
    assert rollback_number({A: "previous", B: "live", C: "shadow"}) == B
    with pytest.raises(PipelineError, match="no version answers"):
        rollback_number({A: "registered"})


@pytest.mark.parametrize(
    "states, step, number, words",
    [
        ({A: "registered"}, "shadow", A, "nothing answers yet"),
        ({A: "registered"}, "rollback", A, "nothing answers yet|legal from here"),
        ({A: "live", B: "canary", C: "registered"}, "shadow", C, f"{B} is canary, and one is tried at a time"),
        ({A: "live"}, "rollback", A, "no earlier version"),
        ({A: "live"}, "retire", A, "`rollback` puts the earlier version back"),
        ({A: "live"}, "shadow", B, "not registered; known: v0.1.0"),
    ],
)
def test_a_refusal_says_why(states, step, number, words):
    with pytest.raises(PipelineError, match=words):
        plan(states, step, number)


@quick
@given(walk=st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([A, B, C])), max_size=40))
def test_no_walk_leaves_the_life_cycle(walk):
    states = dict.fromkeys([A, B, C], "registered")
    answered = False
    for step, number in walk:
        legal = step in legal_steps(states, number)
        try:
            moves = plan(states, step, number)
        except PipelineError:
            assert not legal
            continue
        assert legal
        assert all(states[move.number] == move.before for move in moves)
        states |= {move.number: move.after for move in moves}
        answered |= bool(in_state(states, "live"))
        assert sum(state == "live" for state in states.values()) == answered  # once one answers, one always does
        assert sum(state == "previous" for state in states.values()) <= 1
        assert sum(state in TRIED for state in states.values()) <= 1


def test_each_state_has_a_stage_of_its_own_that_gto_takes():
    stages = {stage_of(environment, state) for environment in get_args(Environment) for state in STATES[1:]}
    assert len(stages) == 3 * (len(STATES) - 1)
    for stage in stages:
        assert_name_is_valid(stage)
    for environment in get_args(Environment):
        assert all(state_of(stage_of(environment, state), environment) == state for state in STATES[1:])
    assert state_of("test-canary", "prod") is None
