"""What a gate says: whether a version may go on, by which figures, and which limits they were held against."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

State = Literal["passes", "refuses", "waits", "unknown"]
WORST_FIRST: tuple[State, ...] = ("refuses", "unknown", "waits", "passes")


class Check(NamedTuple):
    """One figure against its limit.

    Parameters
    ----------
    name : str
        What is checked, in a word or two.
    figure, limit : float or None
        None where there is no figure, or where it has no limit.
    state : {"passes", "refuses", "waits", "unknown"}
        `waits`: there is not enough to tell yet. `unknown`: there is nothing to tell it from, which is no health.
    sentence : str
        For people, with figure and limit.
    """

    name: str
    figure: float | None
    limit: float | None
    state: State
    sentence: str


class GateResult(NamedTuple):
    """The state of the worst check, and all checks."""

    state: State
    checks: list[Check]

    @property
    def reasons(self) -> list[str]:
        """The sentences of the checks that the state comes from."""
        return [check.sentence for check in self.checks if check.state == self.state]

    def as_json(self) -> dict[str, Any]:
        """Return the content of a record of it; a figure that is no number is null."""
        checks = [
            check._asdict() | {"figure": _finite(check.figure), "limit": _finite(check.limit)} for check in self.checks
        ]
        return {"state": self.state, "checks": checks}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def gate_result(checks: Sequence[Check]) -> GateResult:
    """Return what checks say together: one that refuses decides, then one that is unknown, then one that waits.

    Examples
    --------
    >>> found = gate_result([Check("a", 1, 2, "passes", "1 of 2."), Check("b", 5, 2, "refuses", "5 of at most 2.")])
    >>> found.state, found.reasons
    ('refuses', ['5 of at most 2.'])
    >>> gate_result([]).state
    'unknown'
    """
    states = {check.state for check in checks} or {"unknown"}
    return GateResult(next(state for state in WORST_FIRST if state in states), list(checks))
