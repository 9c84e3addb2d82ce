"""The life of a version in an environment: which step leads from where to where.

    registered -> shadow -> canary or ab -> live -> previous -> retired
    rollback: live -> rejected, previous -> live

Each state but `registered` is a stage of gto: `prod`, and `prod-shadow`, `prod-canary` and so on of the environment
prod; `test`, `test-shadow` of test. One version answers, one is tried against it, one is kept to go back to.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from lifecycle.core.errors import PipelineError

State = Literal["registered", "shadow", "canary", "ab", "live", "previous", "retired", "rejected"]
Step = Literal["shadow", "canary", "ab", "promote", "rollback", "reject", "retire"]
TRIED: tuple[State, ...] = ("shadow", "canary", "ab")  # against the version that answers: one at a time
ANSWERING: tuple[State, ...] = ("canary", "ab")  # and answer some requests
LEGAL: dict[State, dict[Step, State]] = {
    "registered": {"shadow": "shadow", "reject": "rejected", "retire": "retired"},
    "shadow": {"canary": "canary", "ab": "ab", "reject": "rejected"},
    "canary": {"canary": "canary", "ab": "ab", "promote": "live", "reject": "rejected", "rollback": "rejected"},
    "ab": {"canary": "canary", "promote": "live", "reject": "rejected", "rollback": "rejected"},
    "live": {"rollback": "rejected"},
    "previous": {"retire": "retired", "reject": "rejected"},
    "retired": {"shadow": "shadow"},  # who comes back has to show everything again
    "rejected": {"shadow": "shadow"},
}
FIRST: dict[Step, State] = {"promote": "live", "reject": "rejected", "retire": "retired"}  # nothing answers yet


class Move(NamedTuple):
    """A version that goes from one state to another."""

    number: str
    before: State
    after: State


def stage_of(environment: str, state: State) -> str:
    """Return the stage of gto that is a state of an environment.

    >>> stage_of("prod", "live"), stage_of("test", "canary")
    ('prod', 'test-canary')
    """
    return environment if state == "live" else f"{environment}-{state}"


def state_of(stage: str, environment: str) -> State | None:
    """Return the state that a stage is; None where it is one of another environment."""
    return next((state for state in get_args(State)[1:] if stage_of(environment, state) == stage), None)


def in_state(states: Mapping[str, State], *wanted: State) -> str:
    """Return the release number of the one version in some states, empty where there is none."""
    return next((number for number, state in states.items() if state in wanted), "")


def legal_steps(states: Mapping[str, State], number: str) -> dict[Step, State]:
    """Return the steps that a version can take now, and the state that each leads to.

    Parameters
    ----------
    states : mapping of str to str
        All versions of an environment, by release number.
    number : str
        The version.
    """
    live, tried = in_state(states, "live"), in_state(states, *TRIED)
    own = states[number]
    if not live:
        return FIRST if own == "registered" else {}
    steps = dict(LEGAL[own])
    if tried not in ("", number):
        steps.pop("shadow", None)
    if own == "live" and (not in_state(states, "previous") or in_state(states, *ANSWERING)):
        del steps["rollback"]
    return steps


def plan(states: Mapping[str, State], step: Step, number: str) -> list[Move]:
    """Return who moves when a version takes a step: itself first, then those that make room for it.

    Raises
    ------
    PipelineError
        The step is illegal from where the version is; names the legal ones.
    """
    if number not in states:
        known = ", ".join(states) or "none"
        raise PipelineError(f"{number}: not registered; known: {known}; `release register` adds one")
    own, steps = states[number], legal_steps(states, number)
    if step not in steps:
        raise PipelineError(_refusal(states, step, number, steps))
    moves = [Move(number, own, steps[step])]
    live, previous = in_state(states, "live"), in_state(states, "previous")
    if step == "promote":
        moves += [Move(previous, "previous", "retired")] if previous not in ("", number) and live else []
        moves += [Move(live, "live", "previous")] if live else []
    elif step == "rollback" and own == "live":
        moves.append(Move(previous, "previous", "live"))
    return moves


def _refusal(states: Mapping[str, State], step: Step, number: str, steps: Mapping[Step, State]) -> str:
    own, tried, live = states[number], in_state(states, *TRIED), in_state(states, "live")
    legal = f"legal from here: {', '.join(steps) or 'nothing'}"
    where = "answers" if own == "live" else f"is {own}"
    if not live and step in TRIED:
        reason = "; nothing answers yet that it could be held against: promote it"
    elif step == "shadow" and tried not in ("", number):
        reason = f"; {tried} is {states[tried]}, and one is tried at a time: promote or reject it first"
    elif own == "live" and step in ("reject", "retire"):
        reason = "; `rollback` puts the earlier version back, `promote` another one in its place"
    elif own == "live" and step == "rollback":
        reason = "; there is no earlier version to go back to"
    else:
        reason = ""
    return f"{step} {number}: it {where}{reason}; {legal}"


def rollback_number(states: Mapping[str, State]) -> str:
    """Return the version that a rollback takes back: the one that is tried on answers, otherwise the one that answers.

    Raises
    ------
    PipelineError
        No version answers.
    """
    number = in_state(states, *ANSWERING) or in_state(states, "live")
    if not number:
        raise PipelineError("rollback: no version answers here")
    return number
