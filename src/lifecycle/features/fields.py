"""Refuse a feature whose own fields can't be what they stand for, whatever the contract says."""

import math
import sys
from collections.abc import Sequence
from typing import Any, get_args

from lifecycle.features.vocabulary import AGGREGATES, DAY_US, OPERATORS, Feature, Night, Ratio, Where, Window
from lifecycle.limits import EXACT
from lifecycle.stage import PipelineError

MOST_DAYS = 36_525  # a century: microseconds of it, and sums of a few, fit 64 bits
# JSON gives back exactly these, and arrays take them as they are: no truth values, none of numpy's own numbers.
NUMBERS = (int, float)


def check_words(features: Sequence[Feature]) -> None:
    """Check that a list holds features, and each field of them by itself.

    Raises
    ------
    PipelineError
        Names the feature.
    """
    if not isinstance(features, tuple | list):
        raise PipelineError(f"features must be a tuple, like (Hour(),), not {features!r}")
    for feature in features:
        if not isinstance(feature, get_args(Feature)):
            words = ", ".join(word.__name__ for word in get_args(Feature))
            raise PipelineError(f"feature {feature!r}: unknown primitive; known: {words}")
        try:
            _check(feature)
        except PipelineError as error:
            raise PipelineError(f"feature {feature.name!r}: {error}") from error


def _check(feature: Feature) -> None:
    _check_name("name", feature.name)
    match feature:
        case Window():
            _check_window(feature)
        case Ratio() if not _is_empty_value(feature.empty):
            raise PipelineError(f"empty = {feature.empty!r} must be a number, or NaN")
        case Night() if type(feature.last_hour) is not int or feature.last_hour not in range(24):
            raise PipelineError(f"last_hour = {feature.last_hour!r} must be a whole number from 0 to 23")
    if not isinstance(feature, Window):
        for name in feature.reads:
            _check_name("a column", name)


def _check_window(window: Window) -> None:
    if not isinstance(window.aggregate, str) or window.aggregate not in AGGREGATES:
        raise PipelineError(f"unknown aggregate {window.aggregate!r}; known: {', '.join(AGGREGATES)}")
    shape = AGGREGATES[window.aggregate]
    _check_name("by", window.by)
    if (window.of is None) != (shape.of == "none"):
        without = "; ".join(name for name, other in AGGREGATES.items() if other.of == "none")
        raise PipelineError(f"a column `of` is needed by every aggregate but these, which take none: {without}")
    if window.of is not None:
        _check_name("of", window.of)
    if type(window.current) is not bool:
        raise PipelineError(f"current = {window.current!r} must be True or False")
    _check_lengths(window)
    if window.aggregate == "since" and not window.delay_days and window.current:
        raise PipelineError("`since` would find the record itself; set current=False")
    if window.empty is not None and shape.type == "int32":
        raise PipelineError(f"`{window.aggregate}` is 0 where a window covers nothing; leave `empty` out")
    if window.empty is not None and not _is_empty_value(window.empty):
        raise PipelineError(f"empty = {window.empty!r} must be a number, NaN, or None for the aggregate's own")
    if not isinstance(window.where, tuple) or not all(isinstance(condition, Where) for condition in window.where):
        raise PipelineError(f"where = {window.where!r} must be a tuple of conditions, like (Where('amount', '>=', 9),)")
    for condition in window.where:
        _check_condition(condition)


def _check_lengths(window: Window) -> None:
    days = window.days
    if not isinstance(days, tuple) or not days or not all(_is_finite(value) and value > 0 for value in days):
        raise PipelineError(f"days must be positive, like (1, 7), not {days!r}")
    if not _is_finite(window.delay_days) or window.delay_days < 0:
        raise PipelineError(f"delay_days must not be negative, and a number, not {window.delay_days!r}")
    for value in (*days, *filter(None, [window.delay_days])):
        if value > MOST_DAYS or not round(value * DAY_US):
            raise PipelineError(f"days and delay_days of {value!r}: at least a microsecond, at most {MOST_DAYS}")


def _check_condition(condition: Where) -> None:
    _check_name("where: a column", condition.column)
    if not isinstance(condition.is_, str) or condition.is_ not in OPERATORS:
        raise PipelineError(f"unknown comparison {condition.is_!r}; known: {', '.join(OPERATORS)}")
    value = condition.value
    if not isinstance(value, str) and not (_is_finite(value) and abs(value) < EXACT):
        raise PipelineError(
            f"{value!r} can't be compared with {condition.column!r}: give a text, or a number below 2**53"
        )


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise PipelineError(f"{what} must be a name in quotes, not {name!r}")


def _is_finite(value: Any) -> bool:
    return type(value) in NUMBERS and abs(value) <= sys.float_info.max


def _is_empty_value(value: Any) -> bool:
    return _is_finite(value) or (type(value) is float and math.isnan(value))
