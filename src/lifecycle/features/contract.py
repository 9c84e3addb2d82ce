"""The feature contract: what each feature is, and how it was distributed where the model learned.

A service rebuilds the feature list from it (`lifecycle.features.declared`), monitoring compares with it.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from lifecycle.features.catalogue import catalogue
from lifecycle.features.declared import declared

if TYPE_CHECKING:
    from lifecycle.problem import Problem

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MOST_CATEGORIES = 50


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
