"""The aggregates of windows: one class each, with its forms for a table and for one record, its texts and checks."""

from collections.abc import Sequence

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates import count_sum_mean, recency, values  # noqa: F401  their classes enter `Aggregate.known`
from lifecycle.features.aggregates.aggregate import Aggregate
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.window_words import Feature, Window

AGGREGATES = Aggregate.known


def aggregate_of(window: Window) -> type[Aggregate]:
    """Return the class of a window's aggregate; raise when there is none of that name."""
    if not isinstance(window.aggregate, str) or window.aggregate not in AGGREGATES:
        raise PipelineError(f"unknown aggregate {window.aggregate!r}; known: {', '.join(sorted(AGGREGATES))}")
    return AGGREGATES[window.aggregate]


def aggregates_of(window: Window) -> list[Aggregate]:
    """Return the aggregate of each length of a window."""
    return [aggregate_of(window)(window, days) for days in window.days]


def feature_columns(feature: Feature) -> Sequence[Aggregate | RecordWord]:
    """Return for each column that a feature makes the object that knows its name, type, unit and texts."""
    return aggregates_of(feature) if isinstance(feature, Window) else [feature]
