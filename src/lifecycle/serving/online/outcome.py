"""What POST /events came to."""

from collections.abc import Sequence
from typing import NamedTuple

from lifecycle.features.online.record import Taken


class Outcome(NamedTuple):
    """How many events were taken, were known already with the same content, or are labels of unknown transactions."""

    accepted: int
    repeated: int
    unknown: int


def outcome_of(taken: Sequence[Taken]) -> Outcome:
    """Count what events came to."""
    return Outcome(taken.count("accepted"), taken.count("repeated"), taken.count("unknown"))
