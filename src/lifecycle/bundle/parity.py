"""The gate of an export: the served model must decide exactly as the pipeline does.

Both score real rows, and rows on and beside the thresholds of the model's trees, where they would differ first.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.models.families import family_of
from lifecycle.models.prediction import predict
from lifecycle.models.preprocessing import categories, inputs

AT_A_TIME = 10_000
ALONE = 500  # rows that are also scored one by one, as requests come
WORST = 5  # rows that an error shows
ON_THRESHOLD, MISSING = 0.75, 0.1  # share of values put on a threshold, and of those that may be missing, that are
UNKNOWN = "a text that no training row holds"


class Parity(NamedTuple):
    """What was compared, and how far the served scores are from the pipeline's.

    `largest_difference` is a share of the largest score where scores are numbers of any size. `flips` counts rows on
    which the decision differs, `swaps` pairs of neighbours in the pipeline's ranking, by each class where there are
    several, that the served scores rank the other way.
    """

    rows: int
    largest_difference: float
    flips: int
    swaps: int


def compare(servable: Servable, pipeline: Pipeline, rows: pd.DataFrame, key: str, bound: float) -> Parity:
    """Compare the served scores of rows with the scores of the pipeline that the model was exported from.

    Raises
    ------
    PipelineError
        A score differs by more than `bound`, or any decision or place in the ranking differs: names the worst rows by
        their `key`, each with its worst score.
    """
    expected, served = predict(pipeline, rows), served_scores(servable, rows)
    flipped = servable.decide(served).decided != servable.decide(expected).decided
    one, other = (scores.reshape(len(rows), -1) for scores in (expected, served))
    distance = np.abs(other - one) / _scale(servable, expected)
    distance[np.isnan(distance)] = np.inf  # what is no number is as wrong as can be
    swaps = sum(_swaps(*pair) for pair in zip(one.T, other.T, strict=True))
    parity = Parity(len(rows), float(distance.max(initial=0)), int(flipped.sum()), swaps)
    if parity.largest_difference > bound or parity.flips or parity.swaps:
        worst, place = np.lexsort((-distance.max(axis=1), ~flipped))[:WORST], distance.argmax(axis=1)
        table = pd.DataFrame({key: rows[key].to_numpy()[worst]})
        table = table.assign(served=other[worst, place[worst]], pipeline=one[worst, place[worst]])
        raise PipelineError(_words(parity, bound) + "\n" + table.to_string(index=False, float_format="%.17g"))
    return parity


def _scale(servable: Servable, scores: np.ndarray) -> float:
    """Return what differences are a share of: 1 for probabilities, the largest score for numbers of any size."""
    largest = float(np.abs(scores).max(initial=0)) if servable.task == "regression" else 1.0
    return largest or 1.0


def _swaps(expected: np.ndarray, served: np.ndarray) -> int:
    ranked = served[np.lexsort((served, expected))]
    return int((np.diff(ranked) < 0).sum())


def _words(parity: Parity, bound: float) -> str:
    return (
        f"the exported model is not the pipeline's: of {parity.rows} rows {parity.flips} decisions and {parity.swaps}"
        f" places in the ranking differ, and scores by up to {parity.largest_difference:.3g} (package.max_difference:"
        f" {bound:g}). Nothing was packaged. The worst rows:"
    )


def served_scores(servable: Servable, rows: pd.DataFrame) -> np.ndarray:
    """Return the served scores of each row: of the first ones alone, of the others many at a time."""
    alone = [rows[i : i + 1] for i in range(min(ALONE, len(rows)))]
    together = [rows[i : i + AT_A_TIME] for i in range(len(alone), max(len(rows), 1), AT_A_TIME)]
    return np.concatenate([servable.session.score(as_batch(servable, part)) for part in (*alone, *together)])


def as_batch(servable: Servable, rows: pd.DataFrame) -> Batch:
    """Return the model's features of a table, which may have more columns, in the order that the model takes."""
    numbers = np.ascontiguousarray(rows[list(servable.numbers)].to_numpy(dtype=np.float64))
    texts = rows[list(servable.texts)].to_numpy(dtype=object) if servable.texts else None
    return Batch(numbers, texts)


def as_metrics(real: Parity, on_thresholds: Parity, size: int) -> dict[str, Any]:
    """Return the figures for metrics/package/package.json; `size` is the bundle's, in bytes."""
    return {
        "rows_compared": real.rows,
        "rows_on_thresholds": on_thresholds.rows,
        "largest_difference": max(real.largest_difference, on_thresholds.largest_difference),
        "decisions_that_differ": real.flips + on_thresholds.flips,
        "rankings_that_differ": real.swaps + on_thresholds.swaps,
        "bundle_bytes": size,
    }


def rows_on_thresholds(
    pipeline: Pipeline, rows: pd.DataFrame, nullable: frozenset[str], count: int, seed: int
) -> pd.DataFrame:
    """Return `count` rows of features drawn from real rows, most values set on or one number beside a threshold.

    Those of the `nullable` features are now and then missing.
    """
    rng = np.random.default_rng(seed)
    features = rows[list(pipeline.feature_names_in_)]
    drawn = features.iloc[rng.integers(0, len(rows), count)].reset_index(drop=True)
    texts = _texts(pipeline)
    values_of = {name: beside(values) for name, values in thresholds(pipeline).items()} | texts
    for name, values in values_of.items():
        column = drawn[name].to_numpy(dtype=object if name in texts else np.float64, copy=True)
        if len(values):
            column = np.where(rng.random(count) < ON_THRESHOLD, rng.choice(values, count), column)
        if name in nullable:
            column[rng.random(count) < MISSING] = np.nan
        drawn[name] = pd.array(column, dtype="str") if name in texts else column
    return drawn


def thresholds(pipeline: Pipeline) -> dict[str, np.ndarray]:
    """Return the thresholds of each feature that is a number, ascending; none where the model has no trees."""
    names, read_trees = inputs(pipeline[0])[0], family_of(pipeline).trees
    if read_trees is None:
        return {name: np.zeros(0) for name in names}
    trees = read_trees(pipeline[-1]).trees
    column_of = np.concatenate([np.where(tree.left >= 0, tree.feature, -1) for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    values_of = {name: np.unique(threshold[column_of == column]) for column, name in enumerate(names)}
    return {name: values[np.isfinite(values)] for name, values in values_of.items()}


def beside(values: np.ndarray) -> np.ndarray:
    """Return numbers, those next to them in double precision, and the nearest three in single precision."""
    near = values.astype(np.float32)
    single = [near, *(np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf))]
    return np.concatenate([values, *(np.nextafter(values, way) for way in (-np.inf, np.inf)), *single])


def _texts(pipeline: Pipeline) -> dict[str, np.ndarray]:
    """Return for each text feature its categories, and one text more."""
    known = categories(pipeline[0]).items()
    return {name: np.array([*values, UNKNOWN], dtype=object) for name, values in known}
