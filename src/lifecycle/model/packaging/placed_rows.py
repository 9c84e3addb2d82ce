"""Rows where two programs that compute one model would differ, if they did: on its own thresholds, and beside them."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from lifecycle.model.ensembles import ensemble
from lifecycle.model.estimators import is_linear
from lifecycle.model.export.columns import inputs

MOVED, LOST = 0.75, 0.1  # share of values that are placed, and of those that may be missing, that are
UNKNOWN = "a text that no training row holds"


def placed(pipeline: Pipeline, rows: pd.DataFrame, missing: frozenset[str], count: int, seed: int) -> pd.DataFrame:
    """Return rows whose values stand on the model's thresholds, or one number beside them; some are missing.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    rows : pandas.DataFrame
        Features of real rows, which are drawn from.
    missing : frozenset of str
        The features that may be missing.
    count, seed : int
        Number of rows, and seed of the draws.
    """
    rng = np.random.default_rng(seed)
    drawn = rows.iloc[rng.integers(0, len(rows), count)].reset_index(drop=True)
    texts = _texts(pipeline)
    places = {name: beside(found) for name, found in thresholds(pipeline).items()} | texts
    for name, values in places.items():
        column = drawn[name].to_numpy(dtype=object if name in texts else np.float64, copy=True)
        if len(values):
            column = np.where(rng.random(count) < MOVED, rng.choice(values, count), column)
        if name in missing:
            column[rng.random(count) < LOST] = np.nan
        drawn[name] = pd.array(column, dtype="str") if name in texts else column
    return drawn


def thresholds(pipeline: Pipeline) -> dict[str, np.ndarray]:
    """Return the thresholds of each feature that is a number, ascending; none where the model has no trees."""
    names = inputs(pipeline[0])[0]
    if is_linear(pipeline[-1]):
        return {name: np.zeros(0) for name in names}
    trees = ensemble(pipeline[-1]).trees
    asked = np.concatenate([np.where(tree.left >= 0, tree.feature, -1) for tree in trees])
    at = np.concatenate([tree.threshold for tree in trees])
    found = {name: np.unique(at[asked == column]) for column, name in enumerate(names)}
    return {name: values[np.isfinite(values)] for name, values in found.items()}


def beside(values: np.ndarray) -> np.ndarray:
    """Return numbers, those next to them in double precision, and the nearest three in single precision."""
    near = values.astype(np.float32)
    single = [near, *(np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf))]
    return np.concatenate([values, *(np.nextafter(values, way) for way in (-np.inf, np.inf)), *single])


def _texts(pipeline: Pipeline) -> dict[str, np.ndarray]:
    """Return for each text feature its categories, and one text more."""
    found: dict[str, np.ndarray] = {}
    for _, step, names in pipeline[0].transformers_:
        if isinstance(step, OneHotEncoder):
            known = dict(zip(names, step.categories_, strict=True))
            found |= {name: np.array([*kinds, UNKNOWN], dtype=object) for name, kinds in known.items()}
    return found
