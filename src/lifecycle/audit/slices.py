"""Figures by slice: where the model serves worse than on the whole, and where there is too little to tell."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lifecycle.audit.groups import Figures, Grouped, draw, rates
from lifecycle.evaluation.bootstrap import LEVEL, interval, told
from lifecycle.evaluation.scored_window import Judged
from lifecycle.problem.bands import Band, assign

WHOLE = "all"
TOLD = ("average_precision", "recall", "precision", "alert_rate", "cost_per_record")
COMPARED = ("average_precision", "recall")
NAMED = 3  # slices that are told to be the worst


class Sliced(NamedTuple):
    """Slices of a window."""

    table: pd.DataFrame  # a line per slice: figures and the ends of their intervals; the whole first
    draws: dict[str, np.ndarray]  # each compared figure in each resample, of shape (samples, slices)


def slice_figures(
    judged: Judged, scored: pd.DataFrame, bands: tuple[Band, ...], costs: float, draws: tuple[int, int]
) -> Sliced:
    """Compute the figures of every slice, each with an interval by entity.

    Parameters
    ----------
    judged : Judged
        The window.
    scored : pandas.DataFrame
        The same records, with the columns that the bands are made from.
    bands : tuple of Band
        The cuts.
    costs : float
        Of reviewing a negative record.
    draws : (int, int)
        Number of resamples of entities, and their seed.
    """
    labels = {WHOLE: pd.Series(pd.Categorical([WHOLE] * len(scored)))} | {b.name: assign(b, scored) for b in bands}
    cuts = {name: Grouped(judged, label, costs) for name, label in labels.items()}
    drawn = draw(cuts, judged.entity, *draws, ranked=True)
    tables, kept = [], []
    for name, cut in cuts.items():
        figures, resampled = _figures(cut.sums(), cut.average_precision()), _figures(drawn[name])
        tables.append(pd.DataFrame({"slice": name, "value": cut.names} | _with_ends(figures, resampled)))
        kept.append(resampled)
    compared = {figure: np.hstack([one[figure] for one in kept]) for figure in COMPARED}
    return Sliced(pd.concat(tables, ignore_index=True), compared)


def _figures(sums: Mapping[str, np.ndarray], precision: np.ndarray | None = None) -> Figures:
    ranked = sums["average_precision"] if precision is None else precision
    return {"records": sums["records"], "positives": sums["positives"], "average_precision": ranked} | rates(sums)


def _with_ends(figures: Figures, resampled: Figures) -> dict[str, np.ndarray]:
    columns = {name: figures[name].astype(np.int64) for name in ("records", "positives")}
    for name in TOLD:
        low, high = interval(resampled[name])
        columns |= {name: figures[name], f"{name}_low": low, f"{name}_high": high}
    return columns


def worst(sliced: Sliced, min_positives: int) -> list[dict[str, Any]]:
    """Name the slices that are served worse than the whole, by more than noise: the largest losses first.

    A slice's loss of average precision or recall is its figure less that of the whole, in the same resamples.
    It is beyond noise when it is further below zero than the 95 % quantile of its bootstrap spread, divided among all
    comparisons (Bonferroni), allows. Each slice is named once, by its clearer loss; slices with fewer positives than
    `min_positives` are left to the table. Average precision also falls where positives are rarer, recall does not.

    Returns
    -------
    list of dict
        At most `NAMED`: `slice`, `value`, `figure`, `at`, `of_whole`, and `difference` with `low` and `high`.
    """
    losses = _losses(sliced, min_positives)
    limit = ndtri((100 - LEVEL) / 200 / max(len(losses), 1))
    clear = losses[losses["score"] < limit].sort_values("score").drop_duplicates(["slice", "value"])
    named = clear.drop(columns="score").sort_values("difference").head(NAMED)
    return [{str(key): value for key, value in line.items()} for line in named.to_dict("records")]


def _losses(sliced: Sliced, min_positives: int) -> pd.DataFrame:
    """Return a line per slice and compared figure; `score` is the difference in units of its bootstrap spread."""
    table = sliced.table
    lines = []
    for figure in COMPARED:
        at, draws = table[figure].to_numpy(), sliced.draws[figure]
        differences = draws - draws[:, :1]  # the whole is the first
        spread = pd.DataFrame(differences).std().fillna(0).to_numpy()
        low, high = interval(differences)
        columns = {"figure": figure, "at": at, "of_whole": at[0], "difference": at - at[0], "low": low, "high": high}
        scores = np.divide(at - at[0], spread, out=np.zeros(len(at)), where=spread > 0)
        lines.append(table[["slice", "value", "positives"]].assign(**columns, score=scores))
    found = pd.concat(lines, ignore_index=True)
    large = (found["slice"] != WHOLE) & (found["positives"] >= min_positives) & found["at"].notna()
    return found[large].drop(columns="positives")


def as_json(sliced: Sliced, min_positives: int) -> dict[str, Any]:
    """Return the worst slices, and figures by slice and value; `few`: fewer positives than `min_positives`."""
    found: dict[str, Any] = {}
    for line in sliced.table.to_dict("records"):
        figures = {str(key): told(value) for key, value in line.items()}
        name, value = figures.pop("slice"), figures.pop("value")
        found.setdefault(name, {})[value] = {"few": figures["positives"] < min_positives} | figures
    return {"worst": worst(sliced, min_positives), "slices": found}


def as_table(sliced: Sliced, min_positives: int) -> pd.DataFrame:
    """Return the table for plots: each slice with a label, and whether its positives are `few`."""
    table = sliced.table
    return table.assign(label=table["slice"] + ": " + table["value"], few=table["positives"] < min_positives)
