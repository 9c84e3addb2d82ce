"""What a fitted pipeline says of rows: a probability, one for each class, or a number; also as an ensemble grows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.core.portable_math import sigmoid, softmax
from lifecycle.models import estimator_scores
from lifecycle.models.families import family_of


def predict(pipeline: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Return the score of each row, not calibrated, float64.

    `rows` may have more columns than the features.

    Returns
    -------
    numpy.ndarray of float64
        The probability of class 1, or the number, shape (n,); with several classes the probability of each, in the
        order of their codes, shape (n, classes). A probability that is not a mean of shares is rounded to eight
        decimals, a number that is not a mean to single precision.
    """
    family, model = family_of(pipeline), pipeline[-1]
    with threadpool_limits(limits=1):
        columns = pipeline[:-1].transform(rows[list(pipeline.feature_names_in_)])
        if family.log_odds and is_classifier(model):
            log_odds = family.log_odds(model, columns)
            score = sigmoid(log_odds) if log_odds.ndim == 1 else softmax(log_odds)
        else:
            score = estimator_scores.score_of(model, columns)
    return score if family.exact else estimator_scores.rounded(score, model)


def staged_predict(pipeline: Pipeline, rows: pd.DataFrame, points: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (size, score) as an ensemble grows, at most about `points` times; other models yield their only score."""
    family, model = family_of(pipeline), pipeline[-1]
    if family.growth is None:
        yield 1, predict(pipeline, rows)
        return
    columns = pipeline[:-1].transform(rows[list(pipeline.feature_names_in_)])
    steps, scores = family.growth(model, columns)
    every = max(1, steps // points)
    for size, score in enumerate(scores, 1):
        if size % every == 0 or size == steps:
            yield size, score if family.exact else estimator_scores.rounded(score, model)
