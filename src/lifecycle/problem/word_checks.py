"""Refuse a feature list that contradicts itself or its contract, naming the feature."""

import math
import sys
from collections.abc import Sequence
from typing import Any, get_args

from lifecycle.core.errors import PipelineError
from lifecycle.core.numbers import EXACT
from lifecycle.problem.problem import Problem
from lifecycle.problem.record_words import DAY_US, Difference, Night, Ratio, Raw
from lifecycle.problem.window_words import AGGREGATES, OPERATORS, Feature, Where, Window

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


def check_features(problem: Problem) -> None:
    """Check each feature against the contract and the features before it.

    Raises
    ------
    PipelineError
        Names the feature, and the column or value at fault.
    """
    if not problem.feature_names:
        raise PipelineError("there is no feature that the model sees: declare one that is not hidden")
    known = _Known(problem)
    for feature in problem.features:
        try:
            known.check(feature)
        except PipelineError as error:
            raise PipelineError(f"feature {feature.name!r}: {error}") from error


def check_label_delay(problem: Problem, delay_days: float | None) -> None:
    """Raise when a feature would see labels before they are known.

    Raises
    ------
    PipelineError
        Names the feature and both delays.
    """
    for feature in problem.features:
        seen = isinstance(feature, Window) and not problem.label_columns.isdisjoint(feature.sees)
        if isinstance(feature, Window) and seen and feature.delay_days < (delay_days or 0):
            raise PipelineError(
                f"feature {feature.name!r} sees labels {feature.delay_days:g} days old, but split.delay_days ="
                f" {delay_days:g}: raise the feature's delay_days in src/problems/"
            )


class _Known:
    """The columns of the contract and the features so far: which are made from labels, which may be missing."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._columns = problem, problem.columns
        self._features: set[str] = set()
        self._from_labels = set(problem.label_columns)
        self._missing = {name for name, column in problem.columns.items() if column.nullable}

    def check(self, feature: Feature) -> None:
        """Check a feature, and remember it."""
        for name in feature.names:
            if name in self._columns and not isinstance(feature, Raw):
                raise PipelineError(f"{name!r} would be written over the column of that name; rename it")
        for name in feature.reads:
            if name not in self._columns and name not in self._features:
                raise PipelineError(f"no column {name!r} in the contract, and no feature of that name before it")
            if name in self._problem.sensitive:
                raise PipelineError(f"{name!r} is sensitive, so no feature may be made from it")
        match feature:
            case Window():
                self._check_window(feature)
            case Raw() | Ratio() | Difference():
                self._check_own(feature)
        self._remember(feature)

    def _remember(self, feature: Feature) -> None:
        self._features |= set(feature.names)
        if self._from_labels & set(feature.reads):
            self._from_labels |= set(feature.names)
        if self._may_miss(feature):
            self._missing |= set(feature.names)

    def _may_miss(self, feature: Feature) -> bool:
        match feature:
            case Window():
                return any(math.isnan(feature.nothing(days)) for days in feature.days)
            case Ratio():
                return math.isnan(feature.empty) or feature.of in self._missing
        return not self._missing.isdisjoint(feature.reads)

    def _check_own(self, feature: Raw | Ratio | Difference) -> None:
        barred = {self._problem.key, self._problem.time, *self._problem.label_columns}
        for name in feature.reads:
            if name in barred:
                raise PipelineError(f"{name!r}: the target, late columns, the key and the time are no features")
            if self._type(name) == "timestamp":
                raise PipelineError(f"{name!r} is a timestamp: take its hour, or a window")
            if self._type(name) == "text" and not isinstance(feature, Raw):
                raise PipelineError(f"{name!r} is text, a number is needed")

    def _type(self, name: str) -> str:
        return self._columns[name].type if name in self._columns else "number"

    def _check_window(self, window: Window) -> None:
        self._check_entity(window.by)
        self._check_labels(window)
        if window.of is not None:
            self._check_of(window.of, AGGREGATES[window.aggregate].of)
        for condition in window.where:
            self._check_condition(condition)

    def _check_entity(self, by: str) -> None:
        if by not in self._columns or self._type(by) not in ("integer", "text"):
            raise PipelineError(f"records are gathered by a column of whole numbers or text, not by {by!r}")
        if by in self._missing:
            raise PipelineError(f"column {by!r} may be missing (nullable); a window needs every value")
        if by in self._from_labels:
            raise PipelineError(f"records can't be gathered by {by!r}, which is known only after the fact")

    def _check_labels(self, window: Window) -> None:
        late = [name for name in window.sees if name in self._from_labels]
        through = [name for name in late if name not in self._columns]
        if through:
            raise PipelineError(f"a window can't see {through[0]!r} of other records, which is itself made from labels")
        if late and not window.delay_days:
            raise PipelineError(f"{late[0]!r} is known only after the label delay; set delay_days")

    def _check_of(self, of: str, needs: str) -> None:
        column = self._columns.get(of)
        if self._type(of) == "timestamp":
            raise PipelineError(f"{of!r} is a timestamp; a window knows the time of each record")
        if needs in ("number", "exact") and self._type(of) == "text":
            raise PipelineError(f"{of!r} is no number")
        if of in self._missing:
            raise PipelineError(f"{of!r} may be missing; a window needs every value")
        if needs == "exact" and column is None:
            raise PipelineError(f"{of!r} is a feature; exact sums need a column of the contract with `decimals`")
        if needs == "exact" and of not in self._problem.decimals:
            raise PipelineError(f"give column {of!r} `decimals` in the contract, so that its sums are exact")
        if needs == "flag" and (column is None or column.isin != (0, 1)):
            raise PipelineError(f"{of!r} must be a column with isin=(0, 1)")

    def _check_condition(self, condition: Where) -> None:
        name, value, column = condition.column, condition.value, self._columns.get(condition.column)
        if self._type(name) == "timestamp" or (self._type(name) == "text") != isinstance(value, str):
            raise PipelineError(f"{value!r} can't be compared with column {name!r}")
        if column is None:
            return
        if column.nullable:
            raise PipelineError(f"column {name!r} may be missing (nullable); a condition needs every value")
        fits = column.type != "integer" or value == int(value)
        if condition.is_ in ("==", "!=") and not (fits and (column.isin is None or value in column.isin)):
            raise PipelineError(f"no value of column {name!r} is {value!r}; it would never, or always, be met")
