"""Say in words what each feature is: definition, type, unit, whose it is, and what it needs to be known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.data.parse import storage_type
from lifecycle.features.vocabulary import AGGREGATES, Difference, Feature, Hour, Night, Ratio, Raw, Weekend, Window

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
            return storage_type(columns[name])
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
