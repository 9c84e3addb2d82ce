"""Refuse a problem that contradicts itself, before any record is read."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from lifecycle.features.vocabulary import AGGREGATES, Feature, Raw, Window
from lifecycle.params import DecideParams, EvaluateParams, SplitParams
from lifecycle.stage import PipelineError

if TYPE_CHECKING:
    from lifecycle.problem import Column, Problem

# What may be null in params.yaml and is then the problem's to say.
FILLED = {
    block: tuple(name for name, field in section.model_fields.items() if NoneType in get_args(field.annotation))
    for block, section in (("split", SplitParams), ("decide", DecideParams), ("evaluate", EvaluateParams))
}
RESERVED = {"fold", "role", "score", "probability", "alert", "baseline_score", "source_row", "reason"}
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
    for block, values in problem.defaults.items():
        known = FILLED.get(block, ())
        unknown = [key for key in values if key not in known]
        if unknown or not known:
            legal = "; ".join(f"{name}: {', '.join(keys)}" for name, keys in FILLED.items())
            raise PipelineError(
                f"defaults: {block}{''.join(f'.{key}' for key in unknown[:1])} can't be set here; legal: {legal}"
            )


def _check_contract(problem: Problem) -> None:
    for column in problem.contract:
        if column.type not in TYPES:
            raise PipelineError(f"column {column.name!r}: unknown type {column.type!r}; known: {', '.join(TYPES)}")
        _check_limits(column)
    taken = sorted(RESERVED & {*problem.columns, *problem.feature_names})
    if taken:
        raise PipelineError(f"column or feature {taken[0]!r}: the pipeline makes a column of that name; rename yours")
    _refuse_repeats("column", [name for column in problem.contract for name in (column.name, *column.aliases)])
    _refuse_repeats("feature", problem.feature_names)
    roles = (problem.key, problem.time, problem.target, *filter(None, (problem.card, problem.amount)))
    for name in (*roles, *problem.slices, *problem.sensitive, *problem.distinct):
        if name not in problem.columns:
            known = ", ".join(problem.columns)
            raise PipelineError(f"column {name!r} has a role but is not in the contract ({known})")
    _check_roles(problem)


def _check_limits(column: Column) -> None:
    legal = {"text": str, "integer": int, "number": int | float, "timestamp": ()}[column.type]
    wrong = [value for value in column.isin or () if not isinstance(value, legal)]
    bounds = [value for value in (column.ge, column.le) if value is not None]
    if column.type == "timestamp":
        wrong += [value for value in bounds if not _is_time(value)]
    else:
        wrong += [value for value in bounds if column.type == "text" or not isinstance(value, int | float)]
    if wrong:
        raise PipelineError(f"column {column.name!r}: {wrong[0]!r} can't limit a column of type {column.type}")


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _check_roles(problem: Problem) -> None:
    types = {"time": (problem.time, ("timestamp",)), "amount": (problem.amount, ("integer", "number"))}
    for role, (name, legal) in types.items():
        if name is not None and problem.columns[name].type not in legal:
            raise PipelineError(f"column {name!r}: the {role} must be of type {' or '.join(legal)}")
    if problem.columns[problem.target].isin != (0, 1) or problem.columns[problem.target].type != "integer":
        raise PipelineError(f"column {problem.target!r}: the target must be an integer with isin=(0, 1)")
    for name in (problem.key, problem.time, problem.target, problem.card, problem.amount):
        if name is not None and problem.columns[name].nullable:
            raise PipelineError(f"column {name!r} has a role, so it can't be nullable")


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
    if isinstance(feature, Raw) and problem.columns[feature.name].type == "timestamp":
        raise PipelineError(f"feature {feature.name!r}: a timestamp is no feature; take its hour, or a window")
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
    hidden = [name for name in (window.by, window.of) if name in problem.sensitive]
    if hidden:
        raise PipelineError(f"{where}: {hidden[0]!r} is sensitive, so no feature may be made from it")
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
