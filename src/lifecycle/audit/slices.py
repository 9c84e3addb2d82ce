"""Figures by slice: where the model is worse than on all records, and where there are too few positives to know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lifecycle.audit.group_metrics import FiguresByCut, GroupFigures, group_figures
from lifecycle.evaluation.bootstrap import LEVEL, interval
from lifecycle.evaluation.metrics import SLICES, metrics_of
from lifecycle.evaluation.scored_window import ScoredWindow
from lifecycle.problem.slice_definitions import Band, assign

WHOLE = "all"
COMPARED = ("average_precision", "recall")  # with the whole; each further one widens the limit for all
MOST_NAMED = 3


def slice_figures(
    window: ScoredWindow, scored: pd.DataFrame, bands: Sequence[Band], draws: tuple[int, int]
) -> dict[str, GroupFigures]:
    """Compute the figures of the whole, as `WHOLE`, and of every slice; see `group_figures`.

    `scored` has the window's records, with the columns that the bands are made from.
    """
    labels = {WHOLE: pd.Series(pd.Categorical([WHOLE] * len(scored)))}
    labels |= {band.name: assign(band, scored) for band in bands}
    return group_figures(window, labels, metrics_of(SLICES), draws)


def worst_slices(by_cut: FiguresByCut, min_positives: int) -> list[dict[str, Any]]:
    """Return the slices that are served worse than the whole by more than noise, the largest losses first.

    A slice's loss of average precision or recall is its figure less that of the whole, in the same resamples. It is
    beyond noise when it is further below zero than the 95 % quantile of its bootstrap spread, divided among all
    comparisons (Bonferroni), allows. Each slice is named once, by its clearer loss; slices with fewer positives than
    `min_positives` are left to the table. Average precision also falls where positives are rarer, recall does not.

    Returns
    -------
    list of dict
        At most `MOST_NAMED`: `slice`, `value`, `figure`, `at`, `of_whole`, and `difference` with `low` and `high`.
    """
    losses = pd.concat([_losses(by_cut, figure, min_positives) for figure in COMPARED], ignore_index=True)
    limit = ndtri((100 - LEVEL) / 200 / max(len(losses), 1))
    clear = losses[losses["score"] < limit].sort_values("score").drop_duplicates(["slice", "value"])
    largest = clear.drop(columns="score").sort_values("difference").head(MOST_NAMED)
    return [{str(key): value for key, value in line.items()} for line in largest.to_dict("records")]


def _losses(by_cut: FiguresByCut, figure: str, min_positives: int) -> pd.DataFrame:
    """Return a line per slice that is large enough; `score` is the difference in units of its bootstrap spread."""
    table = _joined(by_cut)
    at, draws = table[figure].to_numpy(), np.hstack([one.draws[figure] for one in by_cut.values()])
    differences = draws - draws[:, :1]  # the whole is the first
    spread = pd.DataFrame(differences).std().fillna(0).to_numpy()
    low, high = interval(differences)
    columns = {"figure": figure, "at": at, "of_whole": at[0], "difference": at - at[0], "low": low, "high": high}
    scores = np.divide(at - at[0], spread, out=np.zeros(len(at)), where=spread > 0)
    lines = table[["slice", "value"]].assign(**columns, score=scores)
    return lines[(table["slice"] != WHOLE) & (table["positives"] >= min_positives) & table[figure].notna()]


def _joined(by_cut: FiguresByCut) -> pd.DataFrame:
    parts = [one.table.reset_index(names="value").assign(slice=name) for name, one in by_cut.items()]
    table = pd.concat(parts, ignore_index=True)
    return table[["slice", *table.columns.drop("slice")]]


def worst_average_precision(by_cut: FiguresByCut, min_positives: int) -> float:
    """Return the lowest average precision of the slices with enough positives; NaN where there is none."""
    table = _joined(by_cut)
    return float(table["average_precision"][(table["slice"] != WHOLE) & (table["positives"] >= min_positives)].min())


def as_json(by_cut: FiguresByCut, min_positives: int) -> dict[str, Any]:
    """Return the content of metrics/audit/slices.json: the worst slices, and figures by slice and value."""
    figures = {name: one.as_json(min_positives) for name, one in by_cut.items()}
    return {"worst": worst_slices(by_cut, min_positives), "slices": figures}


def as_table(by_cut: FiguresByCut, min_positives: int) -> pd.DataFrame:
    """Return the table for plots: each slice with a label, and whether its positives are `few`."""
    table = _joined(by_cut)
    return table.assign(label=table["slice"] + ": " + table["value"], few=table["positives"] < min_positives)
