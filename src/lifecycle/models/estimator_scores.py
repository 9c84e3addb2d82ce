"""Read the scores of a fitted estimator of scikit-learn's interface, also as it grows, and round what is not exact."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np
from sklearn.base import is_classifier

DECIMALS = 8  # of a probability that is not exact
Growth = tuple[int, Iterator[np.ndarray]]


def score_of(model: Any, columns: Any, **how: Any) -> np.ndarray:
    """Return what a model says of its columns, float64.

    Returns
    -------
    numpy.ndarray
        The probability of class 1, or the number, shape (n,); of several classes each probability, shape (n, classes).
    """
    found = _one_or_all(model.predict_proba(columns, **how)) if is_classifier(model) else model.predict(columns, **how)
    return np.asarray(found, dtype=np.float64)


def _one_or_all(probabilities: np.ndarray) -> np.ndarray:
    return probabilities if probabilities.shape[1] > 2 else probabilities[:, 1]


def rounded(score: np.ndarray, model: Any) -> np.ndarray:
    """Round a score that is not exact: its last bits differ between programs, and no decision must hang on them.

    Probabilities have eight decimals; a number can be of any size, so it passes through single precision.
    """
    return np.round(score, DECIMALS) if is_classifier(model) else score.astype(np.float32).astype(np.float64)


def xgboost_log_odds(model: Any, columns: Any) -> np.ndarray:
    """Return the log-odds of an XGBClassifier, shape (n,) or (n, classes): its probabilities are less precise."""
    return np.asarray(model.predict(columns, output_margin=True))


def of_growing_forest(model: Any, columns: Any) -> Growth:
    """Return the number of a forest's trees, and the scores of its first tree, its first two, and so on."""

    def scores() -> Iterator[np.ndarray]:
        values = np.asarray(columns, dtype=np.float32)
        totals = accumulate(score_of(tree, values, check_input=False) for tree in model.estimators_)
        yield from (total / size for size, total in enumerate(totals, 1))

    return len(model.estimators_), scores()


def of_growing_boosting(model: Any, columns: Any) -> Growth:
    """Return the number of steps of scikit-learn's boosting, and the scores after each."""
    if is_classifier(model):
        return model.n_iter_, map(_one_or_all, model.staged_predict_proba(columns))
    return model.n_iter_, model.staged_predict(columns)
