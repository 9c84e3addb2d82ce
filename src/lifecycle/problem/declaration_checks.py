"""Refuse a problem that contradicts itself, before any record is read.

What concerns its features: `lifecycle.features.feature_declaration_checks`.
"""

from collections import Counter
from datetime import datetime
from types import NoneType
from typing import Any, get_args

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams, DecideParams, EvaluateParams, MonitorParams, PackageParams, SplitParams
from lifecycle.core.section import Section
from lifecycle.core.value_limits import is_number
from lifecycle.problem.cells import NANOSECONDS
from lifecycle.problem.problem import Column, Problem, Task
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.slice_definitions import MISSING, Band
from lifecycle.problem.window_words import Window, known_words

BLOCKS: dict[str, type[Section]] = {
    "split": SplitParams,
    "decide": DecideParams,
    "evaluate": EvaluateParams,
    "audit": AuditParams,
    "package": PackageParams,
    "monitor": MonitorParams,
}
# What may be null in params.yaml and is then the problem's to say.
FILLED = {
    block: tuple(name for name, field in section.model_fields.items() if NoneType in get_args(field.annotation))
    for block, section in BLOCKS.items()
}
MOST_QUANTILES = 20  # of a band
RESERVED = {"fold", "role", "score", "probability", "alert", "baseline_score", "source_row", "source_file", "reason"}
TYPES = ("integer", "number", "text", "timestamp")


def check_declaration(problem: Problem) -> None:
    """Check contract, roles, bands and defaults against each other, and each feature by itself.

    Raises
    ------
    PipelineError
        Names the column, the feature or the block.
    """
    check_words(problem.features)
    _check_contract(problem)
    _check_bands(problem)
    for block, values in problem.defaults.items():
        known = FILLED.get(block, ())
        unknown = [key for key in values if key not in known]
        if unknown or not known:
            legal = "; ".join(f"{name}: {', '.join(keys)}" for name, keys in FILLED.items())
            raise PipelineError(
                f"defaults: {block}{''.join(f'.{key}' for key in unknown[:1])} can't be set here; legal: {legal}"
            )


def check_strategy(problem: Problem, split: SplitParams) -> None:
    """Raise when a problem has not what a way to split needs, or a feature would see labels that are not known.

    `split` is filled. The error names the role that is missing, or the feature and both delays.
    """
    if split.strategy == "time" and problem.time is None:
        raise PipelineError("split.strategy = time: the problem has no time; name its column in src/problems/: time=")
    if split.strategy == "group" and problem.entity is None:
        raise PipelineError("split.strategy = group: the problem has no entity; name it in src/problems/: entity=")
    if split.strategy == "stratified" and problem.task == "regression":
        raise PipelineError("split.strategy = stratified: a number has no classes; take random, or group")
    if split.drop_known_entities and (split.strategy != "time" or problem.entity is None or problem.task != "binary"):
        raise PipelineError(
            "split.drop_known_entities: only a binary problem with an entity, split by time, has known entities; set it"
            " to false"
        )
    seeing = [feature.name for feature in label_windows(problem)]
    if seeing and split.strategy != "time":
        raise PipelineError(
            f"feature {seeing[0]!r} sees labels of other records, and with split.strategy = {split.strategy} some of"
            " them are tested on; set it to time, or take the feature out"
        )
    check_label_delay(problem, split.delay_days)


def check_label_delay(problem: Problem, delay_days: float | None) -> None:
    """Raise when a feature would see labels before they are known, naming the feature and both delays."""
    for window in label_windows(problem):
        if window.delay_days < (delay_days or 0):
            age = window.delay_days if window.is_delayed else 0
            raise PipelineError(
                f"feature {window.name!r} sees labels {age:g} days old, but split.delay_days ="
                f" {delay_days:g}: raise the feature's delay_days in src/problems/"
            )


def label_windows(problem: Problem) -> list[Window]:
    """Return the windows that see labels of other records."""
    windows = [feature for feature in problem.features if isinstance(feature, Window)]
    return [window for window in windows if not problem.label_columns.isdisjoint(window.sees)]


def check_words(features: Any) -> None:
    """Check that a list holds features, and the fields of each; the error names the feature."""
    if not isinstance(features, tuple | list):
        raise PipelineError(f"features must be a tuple, like (Hour(),), not {features!r}")
    for feature in features:
        if not isinstance(feature, RecordWord | Window):
            raise PipelineError(f"feature {feature!r}: unknown feature word; known: {', '.join(known_words())}")
        try:
            feature.check_fields()
        except PipelineError as error:
            raise PipelineError(f"feature {feature.name!r}: {error}") from error


def _check_contract(problem: Problem) -> None:
    for column in problem.contract:
        if column.type not in TYPES:
            raise PipelineError(f"column {column.name!r}: unknown type {column.type!r}; known: {', '.join(TYPES)}")
        _check_limits(column)
    names = [name for feature in problem.features for name in feature.names]
    reserved = sorted(RESERVED & {*problem.columns, *names})
    if reserved:
        raise PipelineError(
            f"column or feature {reserved[0]!r}: the pipeline makes a column of that name; rename yours"
        )
    _refuse_repeats("column", [name for column in problem.contract for name in (column.name, *column.aliases)])
    _refuse_repeats("feature", names)
    if not problem.feature_names:
        raise PipelineError("there is no feature that the model sees: declare one that is not hidden")
    for name in problem.hidden:
        if name not in names:
            raise PipelineError(f"hidden: {name!r} is no feature; they are: {', '.join(names)}")
    roles = filter(None, (problem.key, problem.time, problem.target, problem.entity, problem.amount))
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
    if column.unit is not None and (column.type != "timestamp" or column.unit not in NANOSECONDS):
        legal_units = ", ".join(map(repr, NANOSECONDS))
        raise PipelineError(
            f"column {column.name!r}: unit = {column.unit!r} must be one of {legal_units}, of a timestamp"
        )
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
    _check_target(problem)
    for name in (problem.key, problem.time, problem.target, problem.entity, problem.amount):
        if name is not None and problem.columns[name].nullable:
            raise PipelineError(f"column {name!r} has a role, so it can't be nullable")


def _check_target(problem: Problem) -> None:
    """Check that the contract's labels are those of the task."""
    label, task = problem.columns[problem.target], problem.task
    if task not in get_args(Task):
        raise PipelineError(f"task = {task!r}: unknown; known: {', '.join(get_args(Task))}")
    if problem.positive is not None and task != "binary":
        raise PipelineError(f"positive = {problem.positive!r}: only a binary task has a positive")
    if problem.classes and task != "multiclass":
        raise PipelineError("classes: only a multiclass task has them; say task='multiclass', or leave them out")
    legal = ("integer", "number") if task == "regression" else ("integer", "text")
    if label.type not in legal:
        raise PipelineError(f"column {label.name!r}: the target of a {task} task must be {' or '.join(legal)}")
    if task == "binary":
        _check_positive(problem.positive, label)
    if task == "multiclass":
        _check_classes(problem.classes, label)


def _check_positive(positive: int | str | None, label: Column) -> None:
    if positive is None and (label.isin != (0, 1) or label.type != "integer"):
        raise PipelineError(
            f"column {label.name!r}: the target must be an integer with isin=(0, 1), or the problem must say which"
            " label is a positive, like positive='yes'; for a number to predict say task='regression'"
        )
    if positive is not None and not _is_label(positive, label):
        raise PipelineError(f"positive = {positive!r} is no value of column {label.name!r}")
    if positive is not None and label.isin is not None and len(label.isin) < 2:
        raise PipelineError(f"column {label.name!r}: isin = {label.isin!r} leaves no label for negatives")


def _check_classes(classes: Any, label: Column) -> None:
    if not isinstance(classes, tuple) or len(classes) < 3:
        raise PipelineError(
            f"classes = {classes!r}: a multiclass task needs a tuple of at least three labels, like ('low', 'middle',"
            " 'high'); two classes are a binary task with positive="
        )
    wrong = [name for name in classes if not _is_label(name, label)]
    if wrong:
        raise PipelineError(f"classes: {wrong[0]!r} is no value of column {label.name!r}")
    if len(set(classes)) < len(classes) or (label.isin is not None and set(label.isin) != set(classes)):
        raise PipelineError(f"classes = {classes!r} must differ, and agree with isin of column {label.name!r}")


def _is_label(value: Any, label: Column) -> bool:
    kind = str if label.type == "text" else int
    return type(value) is kind and (label.isin is None or value in label.isin)


def _refuse_repeats(kind: str, names: list[str]) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise PipelineError(f"{kind} {repeated[0]!r} is declared twice")


def _check_bands(problem: Problem) -> None:
    """Check each band against itself, the contract and the features."""
    for role, bands in (("slices", problem.slices), ("groups", problem.groups)):
        if not isinstance(bands, tuple) or not all(isinstance(band, Band) for band in bands):
            raise PipelineError(f"{role} must be a tuple of bands, like (Band('hour', 'hour', edges=(6, 12)),)")
        names = [band.name for band in bands]
        for band in bands:
            try:
                _check_cut(band)
                _check_band_column(band, problem)
                if names.count(band.name) > 1:
                    raise PipelineError("declared twice; give each its own name")
                if role == "groups" and band.column in problem.label_columns:
                    raise PipelineError(f"{band.column!r} is known only after the fact: nobody belongs to such a group")
            except PipelineError as error:
                raise PipelineError(f"{role}: band {band.name!r}: {error}") from error


def _check_cut(band: Band) -> None:
    if not isinstance(band.name, str) or not band.name:
        raise PipelineError("the name must be text in quotes")
    if band.edges and band.quantiles:
        raise PipelineError("give edges or quantiles, not both")
    if not isinstance(band.edges, tuple) or not all(is_number(edge) for edge in band.edges):
        raise PipelineError(f"edges = {band.edges!r} must be a tuple of numbers, like (25, 100)")
    if any(b <= a for a, b in zip(band.edges, band.edges[1:], strict=False)):
        raise PipelineError(f"edges = {band.edges!r} must ascend")
    if type(band.quantiles) is not int or band.quantiles not in (0, *range(2, MOST_QUANTILES + 1)):
        raise PipelineError(f"quantiles = {band.quantiles!r} must be a whole number from 2 to {MOST_QUANTILES}")
    _check_labels(band)


def _check_labels(band: Band) -> None:
    if not isinstance(band.labels, tuple) or not all(isinstance(label, str) and label for label in band.labels):
        raise PipelineError(f"labels = {band.labels!r} must be a tuple of texts")
    if band.labels and len(band.labels) != (band.cuts and band.cuts + 1):
        advice = f"{band.cuts + 1} groups are made" if band.cuts else "values name themselves: leave labels out"
        raise PipelineError(f"labels: {len(band.labels)} are given, {advice}")
    if len({*band.labels, MISSING}) <= len(band.labels):
        raise PipelineError(f"labels = {band.labels!r} must differ, and none may be {MISSING!r}")


def _check_band_column(band: Band, problem: Problem) -> None:
    features = {name for feature in problem.features for name in feature.names}
    column = problem.columns.get(band.column)
    if column is None and band.column not in features:
        raise PipelineError(f"{band.column!r} is neither a column of the contract nor a feature")
    if column is not None and column.type == "timestamp":
        raise PipelineError(f"{band.column!r} is a timestamp: take a calendar feature, like Hour('hour')")
    if column is not None and column.type == "text" and band.cuts:
        raise PipelineError(f"{band.column!r} is text: its values are the groups, leave edges and quantiles out")
