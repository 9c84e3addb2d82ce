"""Why a record was scored high, in words: the features that pushed its score up most."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.features.aggregates import Aggregate, feature_columns
from lifecycle.problem.plain_text import column_noun
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.window_words import Feature


class Reason(NamedTuple):
    """One feature that raised a score: by how much, and what it holds, in words."""

    feature: str
    contribution: float
    words: str


def reasons(
    features: Sequence[Feature], contributions: Mapping[str, float], row: Mapping[str, Any], k: int
) -> list[Reason]:
    """Return the k features that raised a score most, greatest first; fewer where fewer did.

    `contributions` are what each feature adds to the score, `row` the values of the features, the hidden ones too where
    they are known.
    """
    columns = _by_name(features)
    upward = sorted((-added, name) for name, added in contributions.items() if added > 0)
    return [Reason(name, -less, _sentence(columns, name, row)) for less, name in upward[:k]]


def sentence(features: Sequence[Feature], name: str, row: Mapping[str, Any]) -> str:
    """Return a sentence on the value of a column of the feature table in a row, given all features of the problem.

    With both sides of a ratio in the row, the sentence says where the divisor is 0 or missing.

    Examples
    --------
    >>> from lifecycle.problem import Ratio, Window
    >>> median = Window("median", "median", by="shop_id", of="amount", days=(60,))
    >>> sentence((median, Ratio("times", "amount", "median_60d")), "times", {"times": 5.11})
    "amount is 5.1 times this shop's median amount in the last 60 days"
    """
    return _sentence(_by_name(features), name, row)


def _by_name(features: Sequence[Feature]) -> dict[str, Aggregate | RecordWord]:
    return {column.name: column for feature in features for column in feature_columns(feature)}


def _sentence(columns: Mapping[str, Aggregate | RecordWord], name: str, row: Mapping[str, Any]) -> str:
    def noun_of(other: str) -> str:
        return columns[other].noun_phrase() if other in columns else column_noun(other)

    return columns[name].sentence(row, noun_of)
