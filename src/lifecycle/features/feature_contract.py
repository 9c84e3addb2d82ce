"""The feature contract, models/features.json: what each feature is, and its distribution on the training rows.

A service rebuilds the feature list from it (`lifecycle.problem.window_words`), and drift is measured from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pandas as pd

from lifecycle.features.aggregates import feature_columns
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.window_words import Feature, Window, declaration_of

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MOST_CATEGORIES = 50
LATENCIES = ("record", "history", "labels")


class Entry(NamedTuple):
    """One column of the feature table.

    `latency` is what the feature needs: the "record" alone, earlier records ("history"), or their "labels" too.
    """

    name: str
    type: str
    unit: str
    entity: str
    latency: str
    definition: str


def catalogue(features: Sequence[Feature], columns: Mapping[str, Column], labels: frozenset[str]) -> list[Entry]:
    """Describe the columns of a feature list, given the contract's columns and which of them are known late."""
    entries: dict[str, Entry] = {}

    def unit_of(column: str) -> str:
        return entries[column].unit if column in entries else columns[column].description

    for feature in features:
        sources = [entries[name] for name in feature.reads if name in entries]
        first = (*(feature.sees if isinstance(feature, Window) else feature.reads), "")[0]
        for column in feature_columns(feature):
            entries[column.name] = Entry(
                column.name,
                column.dtype or columns[first].storage_type,
                column.unit or unit_of(first),
                _entities(feature, sources),
                _latency(feature, labels, sources),
                column.definition(),
            )
    return list(entries.values())


def _entities(feature: Feature, sources: Sequence[Entry]) -> str:
    if isinstance(feature, Window):
        return feature.by
    return ", ".join(dict.fromkeys(name for entry in sources for name in entry.entity.split(", ") if name))


def _latency(feature: Feature, labels: frozenset[str], sources: Sequence[Entry]) -> str:
    if isinstance(feature, Window):
        return "labels" if labels & set(feature.sees) else "history"
    return max((entry.latency for entry in sources), key=LATENCIES.index, default=LATENCIES[0])


class Columns(Protocol):
    """Rows whose columns are asked for one at a time: a data frame, or what reads them from a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, name: str, /) -> Any: ...


def contract(problem: Problem, train: Columns) -> dict[str, Any]:
    """Describe the feature list and its columns on the rows of the final training window.

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
        "declaration": [declaration_of(feature) for feature in problem.features],
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
