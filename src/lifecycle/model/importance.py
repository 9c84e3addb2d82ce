"""How much a fitted model relies on each feature: permutation importance, with intervals by card."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from lifecycle.model.metrics import Ranking, average_precision

LEVEL = 95.0  # per cent

Predict = Callable[[pd.DataFrame], np.ndarray]


def permutation_importance(
    predict: Predict, rows: pd.DataFrame, target: np.ndarray, card: np.ndarray | None, samples: int, seed: int
) -> pd.DataFrame:
    """Shuffle one feature at a time, and see how much average precision is lost (Breiman 2001).

    Parameters
    ----------
    predict : callable
        From a table of features to scores of shape (n,).
    rows : pandas.DataFrame, shape (n, features)
        Rows that the model did not learn from.
    target : numpy.ndarray of int, shape (n,)
        0 or 1.
    card : numpy.ndarray of int, shape (n,), or None
        Code of each row's card; the interval resamples cards, without them rows.
    samples, seed : int
        Number of resamples, and the seed of shuffles and resamples.

    Returns
    -------
    pandas.DataFrame
        `feature`, `importance` (loss of average precision), `low` and `high` (95 %), in the order of the columns.
    """
    rng = np.random.default_rng(seed)
    units = len(rows) if card is None else int(card.max()) + 1
    weights = [np.bincount(rng.integers(0, units, units), minlength=units).astype(np.float64) for _ in range(samples)]
    if card is not None:
        weights = [weight[card] for weight in weights]
    whole = _precisions(target, predict(rows), weights)
    found = []
    for name in tqdm(rows.columns, "permutation importance", disable=None):
        shuffled = rows.assign(**{str(name): rows[name].to_numpy()[rng.permutation(len(rows))]})
        lost = whole - _precisions(target, predict(shuffled), weights)
        tail = (100 - LEVEL) / 2
        found.append((name, lost[0], *np.nanpercentile(lost[1:], [tail, 100 - tail])))
    return pd.DataFrame(found, columns=["feature", "importance", "low", "high"])


def _precisions(target: np.ndarray, score: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Return the average precision of all rows, and then with each weighting."""
    ranking = Ranking(target, score)
    return np.array([average_precision(*ranking.counts(weight)) for weight in (None, *weights)])
