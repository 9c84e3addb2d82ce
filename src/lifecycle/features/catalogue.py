"""What each feature is, in words, and how it was distributed where the model learned: models/features.json.

A service rebuilds the feature list from it (`lifecycle.problem.window_words`), monitoring compares with it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import AGGREGATES, Feature, Window, declared

if TYPE_CHECKING:
    from lifecycle.problem.problem import Problem

COMPARISONS = {"==": "is", "!=": "is not", "<=": "is at most", ">=": "is at least"}
AGGREGATE_WORDS = {
    "count": "number of records",
    "sum": "sum of {of}",
    "mean": "mean of {of}",
    "std": "standard deviation of {of}",
    "min": "smallest {of}",
    "max": "largest {of}",
    "median": "median of {of}",
    "rate": "share of records with {of}",
    "distinct": "number of different {of}",
    "since": "days since the newest record",
    "run_length": "number of newest records in a row with {of}",
    "run_days": "days since the first of the newest records in a row with {of}",
}
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MOST_CATEGORIES = 50


class Entry(NamedTuple):
    """One column of the feature table.

    `latency` is what must be at hand: the "record" alone, earlier records ("history"), or their "labels" too.
    """

    name: str
    type: str
    unit: str
    entity: str
    latency: str
    definition: str


def catalogue(features: Sequence[Feature], columns: Mapping[str, Any], labels: frozenset[str]) -> list[Entry]:
    """Describe the columns of a feature list.

    Parameters
    ----------
    features : sequence of Feature
        As the problem declares them.
    columns : mapping of str to Column
        Its contract.
    labels : frozenset of str
        The columns that are known late.
    """
    entries: dict[str, Entry] = {}
    for feature in features:
        below = [entries[name] for name in feature.reads if name in entries]
        latency = _latency(feature, labels, below)
        for index, name in enumerate(feature.names):
            entity = feature.by if isinstance(feature, Window) else _entities(below)
            unit = _unit(feature, columns, entries)
            entries[name] = Entry(name, _type(feature, columns), unit, entity, latency, _definition(feature, index))
    return list(entries.values())


def _entities(below: Sequence[Entry]) -> str:
    return ", ".join(dict.fromkeys(entity for entry in below for entity in entry.entity.split(", ") if entity))


def _latency(feature: Feature, labels: frozenset[str], below: Sequence[Entry]) -> str:
    if isinstance(feature, Window):
        return "labels" if labels & set(feature.sees) else "history"
    return max((entry.latency for entry in below), key=("record", "history", "labels").index, default="record")


def _type(feature: Feature, columns: Mapping[str, Any]) -> str:
    match feature:
        case Raw(name):
            return columns[name].storage_type
        case Weekend() | Night():
            return "int8"
        case Window():
            return AGGREGATES[feature.aggregate].type
    return "float64"


def _unit(feature: Feature, columns: Mapping[str, Any], entries: Mapping[str, Entry]) -> str:
    match feature:
        case Raw(name) | Difference(_, name, _):
            return entries[name].unit if name in entries else columns[name].description
        case Ratio():
            return "times"
        case Hour():
            return "hours"
        case Window():
            own = AGGREGATES[feature.aggregate].unit
            of = str(feature.of)
            return own or (entries[of].unit if of in entries else columns[of].description)
    return "0 or 1"


def _definition(feature: Feature, index: int) -> str:
    match feature:
        case Window():
            return _window(feature, feature.days[index])
        case Ratio(_, of, over, empty):
            return f"{of} / {over}; {empty:g} where {over} is 0 or missing"
        case Difference(_, of, minus):
            return f"{of} - {minus}"
        case Night(_, last_hour):
            return f"1 from 0:00 to {last_hour}:59"
    return {Raw: "as it stands", Weekend: "1 on a Saturday or Sunday", Hour: "hour of the day"}[type(feature)]


def _window(window: Window, days: float) -> str:
    what = AGGREGATE_WORDS[window.aggregate].format(of=window.of)
    met = " and ".join(f"{c.column} {COMPARISONS[c.is_]} {c.value}" for c in window.where)
    own = "" if window.delay_days or window.current else ", without this one"
    age = f", {window.delay_days:g} days old or older" if window.delay_days else ""
    nothing = "" if AGGREGATES[window.aggregate].type == "int32" else f"; {window.nothing(days):g} where there is none"
    few = nothing.replace("there is none", "there are fewer than two") if window.aggregate == "std" else nothing
    return f"{what} of this {window.by}{age}{f' where {met}' if met else ''}, over {days:g} days{own}{few}"


def contract(problem: "Problem", train: pd.DataFrame) -> dict[str, Any]:
    """Describe the feature list and its columns on the training rows.

    Parameters
    ----------
    problem : Problem
        Declares the features.
    train : pandas.DataFrame
        Records of the final training window, with a column per feature.

    Returns
    -------
    dict
        `declaration`, one object per feature as declared, and `columns`, one per column: name, type, unit, entity,
        latency, definition, share of missing values, and quantiles (text: share of each value).
    """
    entries = catalogue(problem.features, problem.columns, frozenset(problem.label_columns))
    return {
        "rows": len(train),
        "hidden": list(problem.hidden),
        "key": problem.key,
        "time": problem.time,
        "labels": sorted(problem.label_columns),
        "types": {name: column.type for name, column in problem.columns.items()},
        "decimals": problem.decimals,
        "declaration": [declared(feature) for feature in problem.features],
        "columns": [entry._asdict() | _distribution(train[entry.name]) for entry in entries],
    }


def _distribution(column: pd.Series) -> dict[str, Any]:
    missing = float(column.isna().mean()) if len(column) else 0.0
    if column.dtype.kind not in "biuf":
        shares = column.value_counts(normalize=True).sort_index().nlargest(MOST_CATEGORIES, keep="first")
        return {"null_share": missing, "categories": {str(name): float(share) for name, share in shares.items()}}
    known = column.dropna()
    quantiles = known.quantile(QUANTILES, interpolation="lower") if len(known) else pd.Series(dtype=float)
    return {"null_share": missing, "quantiles": {f"{share:g}": float(value) for share, value in quantiles.items()}}
