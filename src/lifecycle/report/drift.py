"""Drift between the training rows of two versions, feature by feature: the population stability index."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.stability_index import stability_index

SMALL, LARGE = 0.1, 0.25  # from here on: a moderate, a large shift (Siddiqi 2006)


def drift(contract: Mapping[str, Any], train: pd.DataFrame) -> dict[str, float]:
    """Return the index of each feature of the model, the largest first, on training rows of the head.

    `contract` is the base's models/features.json: quantiles, or shares of values, of its training rows.
    """
    columns = [entry for entry in contract.get("columns", []) if entry["name"] not in contract.get("hidden", [])]
    indices = {entry["name"]: _of_column(entry, train[entry["name"]]) for entry in columns if entry["name"] in train}
    return dict(sorted(indices.items(), key=lambda item: (-item[1], item[0])))


def _of_column(entry: Mapping[str, Any], column: pd.Series) -> float:
    missing = float(column.isna().mean())
    known = column.dropna()
    if "categories" in entry:
        expected, actual = _by_value(entry["categories"], known.astype(str))
    elif entry["quantiles"] and len(known):
        expected, actual = _by_quantile(entry["quantiles"], known.to_numpy(np.float64))
    else:
        expected, actual = np.ones(1), np.ones(1)
    first, second = entry["null_share"], missing
    shares = np.append(expected * (1 - first), first), np.append(actual * (1 - second), second)
    return float(stability_index(*shares))


def _by_value(categories: Mapping[str, float], known: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    total = sum(categories.values()) or 1.0
    expected = np.array([share / total for share in categories.values()])
    actual = known.value_counts(normalize=True).reindex(list(categories), fill_value=0.0).to_numpy()
    return np.append(expected, 0.0), np.append(actual, max(1 - actual.sum(), 0.0))


def _by_quantile(quantiles: Mapping[str, float], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return expected and actual shares between the distinct quantiles.

    Where many records share a value, their share reaches beyond its quantile, up to the next one. There the expected
    share is the possible one that is nearest to the actual one, so the index is never too large.
    """
    shares = np.array([float(share) for share in quantiles])
    places = np.array(list(quantiles.values()))
    edges = np.unique(places)
    least = np.array([shares[places == edge].max() for edge in edges])
    most = np.append([shares[places == edge].min() for edge in edges[1:]], 1.0)
    upto = np.array([(values <= edge).mean() for edge in edges])
    tied = np.array([(values == edge).mean() for edge in edges]) > 1 / len(values)
    tied |= np.array([(places == edge).sum() for edge in edges]) > 1
    expected = np.where(tied, np.clip(upto, least, most), least)
    inner = (expected > 0) & (expected < 1)
    inner |= (least == 1) & (upto < 1)  # above all that the base has seen
    return tuple(np.diff(ends[inner], prepend=0.0, append=1.0) for ends in (expected, upto))  # type: ignore[return-value]
