"""Refuse a problem that contradicts itself, before any record is read."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from lifecycle.band_checks import check_bands
from lifecycle.features.checks import check_features
from lifecycle.features.fields import check_words
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
    check_words(problem.features)
    _check_contract(problem)
    check_features(problem)
    check_bands(problem)
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
    made = [name for feature in problem.features for name in feature.names]
    taken = sorted(RESERVED & {*problem.columns, *made})
    if taken:
        raise PipelineError(f"column or feature {taken[0]!r}: the pipeline makes a column of that name; rename yours")
    _refuse_repeats("column", [name for column in problem.contract for name in (column.name, *column.aliases)])
    _refuse_repeats("feature", made)
    for name in problem.hidden:
        if name not in made:
            raise PipelineError(f"hidden: {name!r} is no feature; they are: {', '.join(made)}")
    roles = (problem.key, problem.time, problem.target, *filter(None, (problem.card, problem.amount)))
    for name in (*roles, *problem.sensitive, *problem.distinct):
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
    if column.default is not None and not isinstance(column.default, legal):
        raise PipelineError(f"column {column.name!r}: default = {column.default!r} is not of type {column.type}")
    if wrong:
        raise PipelineError(f"column {column.name!r}: {wrong[0]!r} can't limit a column of type {column.type}")
    counts = type(column.decimals) is int and column.decimals in range(16) and column.type in ("integer", "number")
    if column.decimals is not None and not counts:
        raise PipelineError(f"column {column.name!r}: decimals = {column.decimals!r} must be 0 to 15, of a number")


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _check_roles(problem: Problem) -> None:
    types = {
        "key": (problem.key, ("integer", "text")),
        "time": (problem.time, ("timestamp",)),
        "amount": (problem.amount, ("integer", "number")),
    }
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
