"""The gate of an export: what is served decides as what was evaluated, on real rows and where it would differ first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.model.batches import batch_of
from lifecycle.model.estimators import predict
from lifecycle.model.servable import Servable
from lifecycle.stage import PipelineError

AT_A_TIME = 10_000
ALONE = 500  # rows that are also scored one by one, as requests come
SHOWN = 5


class Parity(NamedTuple):
    """What was compared, and how far the served scores are from the pipeline's.

    `flips` counts rows on which the decision differs, `swaps` pairs of neighbours in the pipeline's ranking that the
    served scores rank the other way.
    """

    rows: int
    largest_difference: float
    flips: int
    swaps: int


def compare(servable: Servable, pipeline: Pipeline, rows: pd.DataFrame, key: str, bound: float) -> Parity:
    """Hold the served scores against the pipeline's.

    Parameters
    ----------
    servable : Servable
        The exported model.
    pipeline : Pipeline
        What it was exported from.
    rows : pandas.DataFrame
        Features, and the column `key`.
    key : str
        What a row is told by.
    bound : float
        Largest difference of scores that is allowed. No decision may differ, and no ranking.

    Raises
    ------
    PipelineError
        The served model is another one. Names the worst rows.
    """
    expected = predict(pipeline, rows[list(servable.features)])
    found = served(servable, rows)
    distance = np.abs(found - expected)
    distance[np.isnan(distance)] = np.inf  # what is no number is as wrong as can be
    flipped = (found >= servable.threshold) != (expected >= servable.threshold)
    ranked = found[np.lexsort((found, expected))]
    parity = Parity(len(rows), float(distance.max(initial=0)), int(flipped.sum()), int((np.diff(ranked) < 0).sum()))
    if parity.largest_difference > bound or parity.flips or parity.swaps:
        worst = np.lexsort((-distance, ~flipped))[:SHOWN]
        table = pd.DataFrame({key: rows[key], "served": found, "pipeline": expected}, index=None).iloc[worst]
        raise PipelineError(_words(parity, bound) + "\n" + table.to_string(index=False, float_format="%.17g"))
    return parity


def served(servable: Servable, rows: pd.DataFrame) -> np.ndarray:
    """Return the served score of each row: the first ones alone, the others many at a time."""
    alone = [rows[i : i + 1] for i in range(min(ALONE, len(rows)))]
    together = [rows[i : i + AT_A_TIME] for i in range(len(alone), len(rows), AT_A_TIME)]
    parts = [servable.score(batch_of(servable, part)).score for part in (*alone, *together)]
    return np.concatenate([np.zeros(0), *parts])


def together(parts: Sequence[Parity]) -> Parity:
    """Return the parity of several tables as one."""
    rows, difference, flips, swaps = zip(*parts, strict=True)
    return Parity(sum(rows), max(difference), sum(flips), sum(swaps))


def _words(parity: Parity, bound: float) -> str:
    return (
        f"the exported model is not the pipeline's: of {parity.rows} rows {parity.flips} decisions and {parity.swaps}"
        f" places in the ranking differ, and scores by up to {parity.largest_difference:.3g} (package.max_difference:"
        f" {bound:g}). Nothing was packaged. The worst rows:"
    )


def as_metrics(real: Parity, placed: Parity, size: int) -> dict[str, Any]:
    """Return the figures for metrics/package.json; `size` is the bundle's, in bytes."""
    both = together([real, placed])
    return {
        "package": {
            "rows_compared": real.rows,
            "rows_on_thresholds": placed.rows,
            "largest_difference": both.largest_difference,
            "decisions_that_differ": both.flips,
            "rankings_that_differ": both.swaps,
            "bundle_bytes": size,
        }
    }
