"""Figures by slice: where the model is worse than on all records, and where there are too few positives to know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lifecycle.audit.group_metrics import FiguresByCut, GroupFigures, group_figures
from lifecycle.evaluation.bootstrap import LEVEL, interval
from lifecycle.evaluation.metrics import SLICES
from lifecycle.evaluation.scored_window import ScoredWindow
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.slice_definitions import Band, assign

WHOLE = "all"
MOST_NAMED = 3


def slice_figures(
    task: Task, window: ScoredWindow, scored: pd.DataFrame, bands: Sequence[Band], draws: tuple[int, int]
) -> dict[str, GroupFigures]:
    """Compute the figures of the whole, as `WHOLE`, and of every slice; see `group_figures`.

    `scored` has the window's records, with the columns that the bands are made from.
    """
    labels = {WHOLE: pd.Series(pd.Categorical([WHOLE] * len(scored)))}
    labels |= {band.name: assign(band, scored) for band in bands}
    return group_figures(task, window, labels, SLICES, draws)


def worst_slices(by_cut: FiguresByCut, least: int) -> list[dict[str, Any]]:
    """Return the slices that are served worse than the whole by more than noise, the largest losses first.

    A slice's loss is its figure less that of the whole, in the same resamples, for the figures that the kind of target
    compares: average precision and recall of a binary one. It is beyond noise when it is further on the bad side than
    the 95 % quantile of its bootstrap spread, divided among all comparisons (Bonferroni), allows. Each slice is named
    once, by its clearer loss; slices with less than the `least` that is counted are left to the table. Average
    precision also falls where positives are rarer, recall does not.

    Returns
    -------
    list of dict
        At most `MOST_NAMED`: `slice`, `value`, `figure`, `at`, `of_whole`, and `difference` with `low` and `high`.
    """
    compared = by_cut[WHOLE].task.compared
    losses = pd.concat([_losses(by_cut, figure, least) for figure in compared], ignore_index=True)
    limit = ndtri((100 - LEVEL) / 200 / max(len(losses), 1))
    clear = losses[losses["score"] < limit].sort_values("score").drop_duplicates(["slice", "value"])
    largest = clear.sort_values("loss").drop(columns=["score", "loss"]).head(MOST_NAMED)
    return [{str(key): value for key, value in line.items()} for line in largest.to_dict("records")]


def _losses(by_cut: FiguresByCut, figure: str, least: int) -> pd.DataFrame:
    """Return a line per slice that is large enough.

    `loss` is the difference where less is worse, and `score` that in units of its bootstrap spread.
    """
    table, direction = _joined(by_cut), by_cut[WHOLE].task.direction(figure)
    at, draws = table[figure].to_numpy(), np.hstack([one.draws[figure] for one in by_cut.values()])
    differences = draws - draws[:, :1]  # the whole is the first
    spread = pd.DataFrame(differences).std().fillna(0).to_numpy()
    low, high = interval(differences)
    columns = {"figure": figure, "at": at, "of_whole": at[0], "difference": at - at[0], "low": low, "high": high}
    loss = direction * (at - at[0])
    scores = np.divide(loss, spread, out=np.zeros(len(at)), where=spread > 0)
    lines = table[["slice", "value"]].assign(**columns, score=scores, loss=loss)
    return lines[(table["slice"] != WHOLE) & _are_large(by_cut, least) & table[figure].notna()]


def _joined(by_cut: FiguresByCut) -> pd.DataFrame:
    parts = [one.table.reset_index(names="value").assign(slice=name) for name, one in by_cut.items()]
    table = pd.concat(parts, ignore_index=True)
    return table[["slice", *table.columns.drop("slice")]]


def _are_large(by_cut: FiguresByCut, least: int) -> np.ndarray:
    return np.concatenate([one.is_large(least) for one in by_cut.values()])


def worst_headline(by_cut: FiguresByCut, least: int) -> float:
    """Return the worst headline figure of the slices that are large enough; NaN where there is none."""
    task, table = by_cut[WHOLE].task, _joined(by_cut)
    values = table[task.headline][(table["slice"] != WHOLE) & _are_large(by_cut, least)]
    return float(values.min() if task.direction(task.headline) > 0 else values.max())


def as_json(by_cut: FiguresByCut, least: int) -> dict[str, Any]:
    """Return the content of metrics/audit/slices.json: the worst slices, and figures by slice and value."""
    figures = {name: one.as_json(least) for name, one in by_cut.items()}
    return {"worst": worst_slices(by_cut, least), "slices": figures}


def as_table(by_cut: FiguresByCut, least: int) -> pd.DataFrame:
    """Return the table for plots: each slice with a label, and whether it is too small to be judged: `few`."""
    table = _joined(by_cut)
    return table.assign(label=table["slice"] + ": " + table["value"], few=~_are_large(by_cut, least))
