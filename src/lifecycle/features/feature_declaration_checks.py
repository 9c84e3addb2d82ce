"""Refuse a feature list that contradicts itself or its contract, before any record is read."""

import math

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates import aggregate_of, aggregates_of
from lifecycle.problem.problem import Problem
from lifecycle.problem.record_words import Raw, RecordWord
from lifecycle.problem.window_words import Feature, Where, Window


def check_features(problem: Problem) -> None:
    """Check each feature against its aggregate, the contract and the features before it.

    The error names the feature, and the column or value at fault.
    """
    checker = _Checker(problem)
    for feature in problem.features:
        try:
            checker.check(feature)
        except PipelineError as error:
            raise PipelineError(f"feature {feature.name!r}: {error}") from error
        checker.add(feature)


class _Checker:
    """Checks one feature after the other: knows which columns and features are made from labels or may be missing."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._columns = problem, problem.columns
        self._features: set[str] = set()
        self._from_labels = set(problem.label_columns)
        self._nullable = {name for name, column in problem.columns.items() if column.nullable}

    def add(self, feature: Feature) -> None:
        """Let the features that follow use this one."""
        self._features |= set(feature.names)
        if self._from_labels & set(feature.reads):
            self._from_labels |= set(feature.names)
        if self._may_be_missing(feature):
            self._nullable |= set(feature.names)

    def _may_be_missing(self, feature: Feature) -> bool:
        if isinstance(feature, Window):
            return any(math.isnan(aggregate.empty) for aggregate in aggregates_of(feature))
        return feature.may_be_missing(self._nullable)

    def check(self, feature: Feature) -> None:
        """Raise when a feature can't be made from what stands before it."""
        for name in feature.names:
            if name in self._columns and not isinstance(feature, Raw):
                raise PipelineError(f"{name!r} would be written over the column of that name; rename it")
        if self._problem.time is None and (isinstance(feature, Window) or feature.reads_time):
            raise PipelineError("it needs a time, and the problem has none; name its column (time=...), or take it out")
        if isinstance(feature, Window):
            aggregate_of(feature).check(feature)
        for name in feature.reads:
            if name not in self._columns and name not in self._features:
                raise PipelineError(f"no column {name!r} in the contract, and no feature of that name before it")
            if name in self._problem.sensitive:
                raise PipelineError(f"{name!r} is sensitive, so no feature may be made from it")
        if isinstance(feature, Window):
            self._check_window(feature)
        else:
            self._check_record_word(feature)

    def _check_record_word(self, feature: RecordWord) -> None:
        barred = {self._problem.key, self._problem.time, *self._problem.label_columns}
        for name in feature.reads:
            if name in barred:
                raise PipelineError(f"{name!r}: the target, late columns, the key and the time are no features")
            if self._type(name) == "timestamp":
                raise PipelineError(f"{name!r} is a timestamp: take its hour, or a window")
            if self._type(name) == "text" and not feature.takes_text:
                raise PipelineError(f"{name!r} is text, a number is needed")

    def _type(self, name: str) -> str:
        return self._columns[name].type if name in self._columns else "number"

    def _check_window(self, window: Window) -> None:
        self._check_entity(window.by)
        self._check_labels(window)
        if window.of is not None:
            self._check_of(window.of, aggregate_of(window).needs)
        for condition in window.where:
            self._check_condition(condition)

    def _check_entity(self, by: str) -> None:
        if by not in self._columns or self._type(by) not in ("integer", "text"):
            raise PipelineError(f"records are gathered by a column of whole numbers or text, not by {by!r}")
        if by in self._nullable:
            raise PipelineError(f"column {by!r} may be missing (nullable); a window needs every value")
        if by in self._from_labels:
            raise PipelineError(f"records can't be gathered by {by!r}, which is known only after the fact")

    def _check_labels(self, window: Window) -> None:
        late = [name for name in window.sees if name in self._from_labels]
        features = [name for name in late if name not in self._columns]
        if features:
            raise PipelineError(
                f"a window can't see {features[0]!r} of other records, which is itself made from labels"
            )

    def _check_of(self, of: str, needs: str) -> None:
        column = self._columns.get(of)
        if self._type(of) == "timestamp":
            raise PipelineError(f"{of!r} is a timestamp; a window knows the time of each record")
        if needs in ("number", "exact") and self._type(of) == "text":
            raise PipelineError(f"{of!r} is no number")
        if of in self._nullable:
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
        is_possible = column.type != "integer" or value == int(value)
        if condition.is_ in ("==", "!=") and not (is_possible and (column.isin is None or value in column.isin)):
            raise PipelineError(f"no value of column {name!r} is {value!r}; it would never, or always, be met")
