"""Figures of each group of a window's records, for weighted rows: one code for a figure and for its bootstrap."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from lifecycle.evaluation.bootstrap import resamples, units_of, weights_of
from lifecycle.evaluation.figures import summands
from lifecycle.evaluation.metrics import Ranking, average_precision
from lifecycle.evaluation.scored_window import Judged

RATES = {  # figure: what it is a share of
    "recall": ("hits", "positives"),
    "precision": ("hits", "alerts"),
    "alert_rate": ("alerts", "records"),
    "false_positive_rate": ("false_alerts", "negatives"),
    "cost_per_record": ("cost", "records"),
    "mean_predicted": ("predicted", "records"),
    "observed": ("positives", "records"),
}
SUMMED = ("records", "positives", "alerts", "hits", "false_alerts", "cost", "predicted")
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
        Cost of reviewing a negative record.
    """

    def __init__(self, judged: Judged, group: pd.Series, false_alert: float) -> None:
        self.names = [str(name) for name in group.cat.categories]
        self.size = len(group)
        code, positive = group.cat.codes.to_numpy(np.int64), judged.target == 1
        own = {"false_alerts": judged.alert & ~positive, "predicted": judged.probability}
        summed = summands(judged, false_alert).assign(**own).astype(np.float64)[list(SUMMED)]
        # Most columns are 0 in most rows: a resample adds up the others only.
        filled = {str(name): (column.to_numpy(), np.flatnonzero(column)) for name, column in summed.items()}
        self._parts = {name: (rows, code[rows], column[rows]) for name, (column, rows) in filled.items()}
        self._target, self._score, self._code = judged.target, judged.score, code

    def sums(self, weight: np.ndarray | None = None) -> Figures:
        """Return sums over each group: records, positives, alerts, hits and what they cost. Each of shape (groups,)."""
        # bincount adds up row by row; the order of a BLAS sum would depend on the processor.
        found = {
            name: np.bincount(code, column if weight is None else column * weight[rows], len(self.names))
            for name, (rows, code, column) in self._parts.items()
        }
        return found | {"negatives": found["records"] - found["positives"]}

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
    found["precision"] = np.where(np.asarray(sums["negatives"]) > 0, found["precision"], np.nan)
    return found


def draw(
    cuts: Mapping[str, Grouped], entity: np.ndarray | None, samples: int, seed: int, ranked: bool = False
) -> dict[str, Figures]:
    """Return the sums of every group in each resample of entities, the same resamples for all cuts.

    Parameters
    ----------
    cuts : mapping of str to Grouped
        Of one window.
    entity : array of int, shape (n,), or None
        Code of each record's entity; without entities records are resampled.
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
    for copies in resamples(units_of(entity, rows), samples, seed):
        weight = weights_of(copies, entity)
        for name, cut in cuts.items():
            order = {"average_precision": cut.average_precision(weight)} if ranked else {}
            found[name].append(cut.sums(weight) | order)
    return {name: {key: np.array([one[key] for one in drawn]) for key in drawn[0]} for name, drawn in found.items()}


def by_group(judged: Judged, group: pd.Series) -> pd.DataFrame:
    """Return the figures of each group, as fairlearn counts them, in the order of the categories.

    MetricFrame copies records one by one, so it is given one line for all records of a group, label and decision,
    weighted by their number: the figures are the same, in a thousandth of the time.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    label, alert = judged.target.astype(np.int8), judged.alert.astype(np.int8)
    columns = {"group": group.to_numpy(dtype=object), "label": label, "alert": alert, "predicted": judged.probability}
    lines = pd.DataFrame(columns).groupby(["group", "label", "alert"])["predicted"].agg(["size", "mean"]).reset_index()
    weight = {"sample_weight": lines["size"].to_numpy()}
    rates_ = {
        "selection_rate": selection_rate,
        "recall": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "mean_predicted": _mean_of,
        "observed": _mean_of,
    }
    values = {"mean_predicted": lines["mean"], "observed": lines["label"]}
    frame = MetricFrame(
        metrics=rates_,
        y_true=lines["label"],
        y_pred=lines["alert"],
        sensitive_features=lines["group"],
        sample_params={n: weight | ({"values": values[n].to_numpy()} if n in values else {}) for n in rates_},
    )
    found = frame.by_group.loc[list(group.cat.categories)].astype(np.float64)
    numbers = lines.groupby("group")["size"].sum()[found.index]
    positives = (found["observed"] * numbers).round()
    # Where there is nothing to be right about, fairlearn says 0; that would be the worst figure of all.
    return found.assign(
        records=numbers,
        positives=positives,
        recall=found["recall"].where(positives > 0),
        false_positive_rate=found["false_positive_rate"].where(positives < numbers),
    )


def _mean_of(_: np.ndarray, __: np.ndarray, values: np.ndarray, sample_weight: np.ndarray) -> float:
    return float(np.average(values, weights=sample_weight))
