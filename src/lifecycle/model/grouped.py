"""Figures of each group of a window's records, for weighted rows: one code for a figure and for its bootstrap."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from lifecycle.model.evaluation import summands
from lifecycle.model.judged import Judged
from lifecycle.model.metrics import Ranking, average_precision
from lifecycle.model.resampling import resamples, units_of, weights_of

RATES = {  # figure: what it is a share of
    "recall": ("hits", "frauds"),
    "precision": ("hits", "alerts"),
    "alert_rate": ("alerts", "records"),
    "false_positive_rate": ("false_alerts", "genuine"),
    "cost_per_record": ("cost", "records"),
    "mean_predicted": ("predicted", "records"),
    "observed": ("frauds", "records"),
}
SUMMED = ("records", "frauds", "alerts", "hits", "false_alerts", "cost", "predicted")

Figures = dict[str, np.ndarray]


class Grouped:
    """A window cut into groups, sorted once for any number of weightings.

    Parameters
    ----------
    judged : Judged
        The window.
    group : pandas.Series of category, shape (n,)
        The group of each record; every category occurs.
    false_alert : float
        Cost of reviewing a genuine record.
    """

    def __init__(self, judged: Judged, group: pd.Series, false_alert: float) -> None:
        self.names = [str(name) for name in group.cat.categories]
        self.size = len(group)
        code, fraud = group.cat.codes.to_numpy(np.int64), judged.target == 1
        own = {"false_alerts": judged.alert & ~fraud, "predicted": judged.probability}
        summed = summands(judged, false_alert).assign(**own).astype(np.float64)[list(SUMMED)]
        # Most columns are 0 in most rows: a resample adds up the others only.
        filled = {str(name): (column.to_numpy(), np.flatnonzero(column)) for name, column in summed.items()}
        self._parts = {name: (rows, code[rows], column[rows]) for name, (column, rows) in filled.items()}
        self._target, self._score, self._code = judged.target, judged.score, code

    def sums(self, weight: np.ndarray | None = None) -> Figures:
        """Return sums over each group: records, frauds, alerts, hits and what they cost. Each of shape (groups,)."""
        # bincount adds up row by row; the order of a BLAS sum would depend on the processor.
        found = {
            name: np.bincount(code, column if weight is None else column * weight[rows], len(self.names))
            for name, (rows, code, column) in self._parts.items()
        }
        return found | {"genuine": found["records"] - found["frauds"]}

    @cached_property
    def _rankings(self) -> list[tuple[np.ndarray, Ranking]]:
        places = [np.flatnonzero(self._code == code) for code in range(len(self.names))]
        return [(rows, Ranking(self._target[rows], self._score[rows])) for rows in places]

    def average_precision(self, weight: np.ndarray | None = None) -> np.ndarray:
        """Return the average precision within each group; NaN where it has one class only, as any order is right."""
        found = []
        for rows, ranking in self._rankings:
            hits, alarms = ranking.counts(None if weight is None else weight[rows])
            found.append(average_precision(hits, alarms) if alarms[-1] > 0 else np.nan)
        return np.array(found)


def rates(sums: Mapping[str, np.ndarray]) -> Figures:
    """Return shares of sums; NaN where the whole is 0, and a precision only where there are both classes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {name: np.asarray(sums[part]) / sums[whole] for name, (part, whole) in RATES.items()}
    found["precision"] = np.where(np.asarray(sums["genuine"]) > 0, found["precision"], np.nan)
    return found


def draw(
    cuts: Mapping[str, Grouped], card: np.ndarray | None, samples: int, seed: int, ranked: bool = False
) -> dict[str, Figures]:
    """Return the sums of every group in each resample of cards, the same resamples for all cuts.

    Parameters
    ----------
    cuts : mapping of str to Grouped
        Of one window.
    card : array of int, shape (n,), or None
        Code of each record's card; without cards records are resampled.
    samples, seed : int
        Number of resamples, and their seed.
    ranked : bool
        Whether to add each group's `average_precision`.

    Returns
    -------
    dict of str to dict of str to numpy.ndarray, shape (samples, groups)
        By cut, then by sum.
    """
    rows = next(iter(cuts.values())).size
    found: dict[str, list[Figures]] = {name: [] for name in cuts}
    for copies in resamples(units_of(card, rows), samples, seed):
        weight = weights_of(copies, card)
        for name, cut in cuts.items():
            order = {"average_precision": cut.average_precision(weight)} if ranked else {}
            found[name].append(cut.sums(weight) | order)
    return {name: {key: np.array([one[key] for one in drawn]) for key in drawn[0]} for name, drawn in found.items()}
