"""What a model has learned, feature by feature: how large its contributions are, and which way they go."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.plot_tables import thin
from lifecycle.explanation.contributions import Contributions


def sample(rows: int, most: int, seed: int) -> np.ndarray:
    """Return the places of at most so many of the rows, drawn without replacement, ascending."""
    return np.arange(rows) if rows <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def additivity_error(explained: Contributions, score: np.ndarray, limit: float) -> float:
    """Return the largest distance between the scores on file and what base and contributions add up to.

    Raises
    ------
    PipelineError
        It is above the limit: these are not the contributions to these scores.
    """
    error = float(np.abs(explained.scores() - score).max())
    if not error <= limit:
        raise PipelineError(
            f"explanation: base and contributions miss the scores in data/scores/test.parquet by up to {error:.1e};"
            f" up to {limit:g} is rounding. Are model and scores of one run (`dvc repro`)? Then this estimator can't be"
            " explained exactly"
        )
    return error


def summary(explained: Contributions, features: pd.DataFrame) -> pd.DataFrame:
    """Return each feature's mean absolute contribution, and its direction.

    Returns
    -------
    pandas.DataFrame
        By feature: `mean_abs_contribution`; `direction`, the rank correlation (Spearman) of value and contribution:
        near 1 where a larger value raises the score, NaN for text and for what is always the same.
    """
    size = np.abs(explained.values).mean(axis=0)
    directions = [_direction(features[name], explained.values[:, i]) for i, name in enumerate(explained.names)]
    return pd.DataFrame({"mean_abs_contribution": size, "direction": directions}, index=explained.names)


def dots(explained: Contributions, features: pd.DataFrame) -> pd.DataFrame:
    """Return at most about 200 rows per feature, spread evenly from its least to its greatest contribution.

    Returns
    -------
    pandas.DataFrame
        `feature`, `value`, `level` (the share of the rows with a lower value; NaN for text) and `contribution`.
    """
    parts = []
    for i, name in enumerate(explained.names):
        order = np.argsort(explained.values[:, i], kind="stable")
        rows = order[thin(explained.values[order, i])]
        value, level = features[name].iloc[rows], _ranks(features[name]).iloc[rows]
        shown = value.map("{:.6g}".format) if is_numeric_dtype(value) else value.astype(str)
        added = explained.values[rows, i]
        parts.append(pd.DataFrame({"feature": name, "value": shown, "level": level, "contribution": added}))
    return pd.concat(parts, ignore_index=True)


def as_json(explained: Contributions, error: float, limit: float, figures: pd.DataFrame) -> dict[str, Any]:
    """Return what JSON shall hold: rounded, as the last bits differ between processors; what is NaN is left out."""
    named = {
        str(name): {key: round(value, 9) for key, value in row.dropna().items()} for name, row in figures.iterrows()
    }
    head = {"rows": len(explained.values), "unit": explained.unit, "base": round(explained.base, 9)}
    return head | {"additivity_error": round(error, 12), "additivity_limit": limit, "features": named}


def _ranks(values: pd.Series) -> pd.Series:
    return values.rank(pct=True) if is_numeric_dtype(values) else pd.Series(np.nan, index=values.index)


def _direction(values: pd.Series, contribution: np.ndarray) -> float:
    both = pd.DataFrame({"value": _ranks(values), "contribution": contribution}).dropna()
    return float(both.rank().corr().to_numpy()[0, 1]) if len(both) > 1 else np.nan
