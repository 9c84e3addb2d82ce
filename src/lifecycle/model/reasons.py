"""Why a record was scored high, in words: the features that pushed its score up most."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.features.vocabulary import Feature
from lifecycle.model.sentences import sentence


class Reason(NamedTuple):
    """One feature that raised a score: by how much, and what it holds, in words."""

    feature: str
    contribution: float
    words: str


def reasons(
    features: Sequence[Feature], contributions: Mapping[str, float], row: Mapping[str, Any], k: int
) -> list[Reason]:
    """Return the k features that pushed a score up most, greatest first; fewer where fewer did.

    Parameters
    ----------
    features : sequence of Feature
        The problem's declaration; a service has it from `lifecycle.features.declared.features_of`.
    contributions : mapping of str to float
        What each feature adds to the score.
    row : mapping of str to Any
        The value of each feature, and of the hidden ones where they are at hand.
    k : int
        Most reasons to give.
    """
    upward = sorted((-added, name) for name, added in contributions.items() if added > 0)
    return [Reason(name, -less, sentence(features, name, row)) for less, name in upward[:k]]
