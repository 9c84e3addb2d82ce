"""The aggregates of windows: one class each, with its forms for a table and for one record, its texts and checks."""

from collections.abc import Sequence

from lifecycle.features.aggregates import recency, totals, values
from lifecycle.features.aggregates.aggregate import Aggregate
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.window_words import Feature, Window

__all__ = ["AGGREGATES", "Aggregate", "aggregates_of", "feature_columns", "recency", "totals", "values"]

AGGREGATES = Aggregate.known


def aggregates_of(window: Window) -> list[Aggregate]:
    """Return the aggregate of each length of a window; `lifecycle.features.checks` has refused unknown ones."""
    return [AGGREGATES[window.aggregate](window, days) for days in window.days]


def feature_columns(feature: Feature) -> Sequence[Aggregate | RecordWord]:
    """Return what knows the name, type, unit and texts of each column that a feature makes."""
    return aggregates_of(feature) if isinstance(feature, Window) else [feature]
