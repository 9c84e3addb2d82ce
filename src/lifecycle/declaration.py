"""Refuse a problem that contradicts itself, before any record is read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lifecycle.features.vocabulary import AGGREGATES, Feature, Raw, Window
from lifecycle.params import Params
from lifecycle.stage import PipelineError

if TYPE_CHECKING:
    from lifecycle.problem import Problem

TYPES = ("integer", "number", "text", "timestamp")


def check_declaration(problem: Problem) -> None:
    """Check contract, roles, features and defaults against each other.

    Raises
    ------
    PipelineError
        Names the column, the feature or the block.
    """
    _check_contract(problem)
    for feature in problem.features:
        for name in feature.names:
            if name in problem.columns and not isinstance(feature, Raw):
                raise PipelineError(f"feature {name!r} would be written over the column of that name; rename it")
        _check_feature(feature, problem)
    unknown = sorted(set(problem.defaults) - {field.alias or name for name, field in Params.model_fields.items()})
    if unknown:
        raise PipelineError(f"defaults: params.yaml has no block {unknown[0]!r}")


def _check_contract(problem: Problem) -> None:
    for column in problem.contract:
        if column.type not in TYPES:
            raise PipelineError(f"column {column.name!r}: unknown type {column.type!r}; known: {', '.join(TYPES)}")
    _refuse_repeats("column", [name for column in problem.contract for name in (column.name, *column.aliases)])
    _refuse_repeats("feature", problem.feature_names)
    roles = (problem.key, problem.time, problem.target, *filter(None, (problem.card, problem.amount)))
    for name in (*roles, *problem.slices, *problem.sensitive, *problem.distinct):
        if name not in problem.columns:
            known = ", ".join(problem.columns)
            raise PipelineError(f"column {name!r} has a role but is not in the contract ({known})")


def _refuse_repeats(kind: str, names: list[str]) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise PipelineError(f"{kind} {repeated[0]!r} is declared twice")


def _check_feature(feature: Feature, problem: Problem) -> None:
    read = [feature.name] if isinstance(feature, Raw) else []
    if isinstance(feature, Window):
        read = [name for name in (feature.by, feature.of) if name is not None]
        _check_window(feature, problem)
    for name in read:
        if name not in problem.columns:
            raise PipelineError(f"feature {feature.name!r}: no column {name!r} in the contract")
    barred = {problem.key, problem.time, *problem.sensitive, *problem.label_columns}
    if isinstance(feature, Raw) and feature.name in barred:
        raise PipelineError(
            f"feature {feature.name!r}: the target, late and sensitive columns, the key and the time are no features"
        )


def _check_window(window: Window, problem: Problem) -> None:
    where = f"feature {window.name!r}"
    if window.aggregate not in AGGREGATES:
        raise PipelineError(f"{where}: unknown aggregate {window.aggregate!r}; known: {', '.join(AGGREGATES)}")
    if (window.of is None) != (window.aggregate == "count"):
        raise PipelineError(f"{where}: `count` takes no column `of`, every other aggregate needs one")
    if not window.days or min(window.days) <= 0 or window.delay_days < 0:
        raise PipelineError(f"{where}: days must be positive and delay_days must not be negative")
    gaps = [name for name in (window.by, window.of) if name in problem.columns and problem.columns[name].nullable]
    if gaps:
        raise PipelineError(f"{where}: column {gaps[0]!r} may be missing (nullable); a window needs every value")
    if window.of in problem.columns and window.of not in problem.decimals:
        raise PipelineError(
            f"{where}: give column {window.of!r} `decimals` in the contract, so that its sums are exact"
        )
    if window.by in problem.label_columns:
        raise PipelineError(f"{where}: records can't be gathered by {window.by!r}, which is known only after the fact")
    if window.of in problem.label_columns and window.delay_days <= 0:
        raise PipelineError(f"{where}: {window.of!r} is known only after the label delay; set delay_days")


def check_label_delay(problem: Problem, delay_days: float | None) -> None:
    """Raise when a feature would see labels before they are known.

    Raises
    ------
    PipelineError
        Names the feature and both delays.
    """
    for feature in problem.features:
        seen = isinstance(feature, Window) and feature.of in problem.label_columns
        if isinstance(feature, Window) and seen and feature.delay_days < (delay_days or 0):
            raise PipelineError(
                f"feature {feature.name!r} sees labels {feature.delay_days:g} days old, but split.delay_days ="
                f" {delay_days:g}: raise the feature's delay_days in src/problems/"
            )
