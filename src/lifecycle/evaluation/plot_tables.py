"""The tables behind the plots of a window, with about 200 points each: small in a diff and on a page."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from lifecycle.core.ranking import Ranking
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.probability_calibration import calibration_bins
from lifecycle.evaluation.threshold import CostCurve
from lifecycle.problem.purpose import Words

POINTS = 200
SCORE_BINS, RESIDUAL_BINS = 20, 40
# The tables of every kind of target, by stage. metrics/dvc.yaml names them all, and `dvc plots` complains of a table
# that is missing, but not of one without rows.
COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "decide": {
        "cost": ("threshold", "cost_per_record"),
        "abstaining": ("abstain_below", "abstain_rate", "accuracy_of_the_rest"),
        "half_width": ("coverage", "half_width"),
    },
    "evaluate": {
        "precision_recall": ("recall", "precision"),
        "roc": ("false_positive_rate", "recall"),
        "calibration": ("predicted", "observed", "records"),
        "confusion": ("actual", "decided", "records"),
        "scores": ("score", "share", "actual"),
        "class_confusion": ("actual", "decided", "records"),
        "class_calibration": ("predicted", "observed", "records", "actual"),
        "predicted_actual": ("predicted", "actual"),
        "residuals": ("residual", "records"),
    },
}


def thin(values: np.ndarray) -> np.ndarray:
    """Return the places of about `POINTS` values, ascending, spread evenly from the least to the greatest."""
    if len(values) <= POINTS:
        return np.arange(len(values))
    places = np.searchsorted(values, np.linspace(values[0], values[-1], POINTS))
    return np.unique(np.concatenate([[0], np.minimum(places, len(values) - 1)]))


def precision_recall_table(ranking: Ranking) -> pd.DataFrame:
    """Return recall and precision along the ranking."""
    hits, false_alerts = ranking.counts()
    rows = thin(hits)
    return pd.DataFrame({"recall": (hits / hits[-1])[rows], "precision": (hits / (hits + false_alerts))[rows]})


def roc_table(ranking: Ranking) -> pd.DataFrame:
    """Return the shares of positives and of negatives that are flagged along the ranking."""
    hits, false_alerts = (np.append(0, counts) for counts in ranking.counts())
    rows = thin(false_alerts + hits * (false_alerts[-1] / hits[-1]))  # both axes count: it is steep, then flat
    rate = false_alerts / false_alerts[-1]
    return pd.DataFrame({"false_positive_rate": rate[rows], "recall": (hits / hits[-1])[rows]})


def calibration_table(target: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """Return mean probability, share of positives and number of records per bin of the probability."""
    mass, predicted, observed = calibration_bins(target, probability)
    filled = mass > 0
    table = pd.DataFrame({"predicted": predicted, "observed": observed, "records": mass.astype(int)})
    return table[filled].reset_index(drop=True)


def confusion_table(
    target: np.ndarray, decided: np.ndarray, classes: Sequence[str], decisions: Sequence[str]
) -> pd.DataFrame:
    """Return the number of records for each pair of truth and decision, both codes from 0."""
    pairs = list(product(range(len(classes)), range(len(decisions))))
    return pd.DataFrame(
        {
            "actual": [classes[truth] for truth, _ in pairs],
            "decided": [decisions[decision] for _, decision in pairs],
            "records": [int(((target == truth) & (decided == decision)).sum()) for truth, decision in pairs],
        }
    )


def class_calibration_table(target: np.ndarray, probability: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return the calibration of each class against the rest; `probability` has shape (n, classes)."""
    parts = [
        calibration_table((target == code).astype(np.float64), probability[:, code]).assign(actual=name)
        for code, name in enumerate(classes)
    ]
    return pd.concat(parts, ignore_index=True)


def predicted_actual_table(target: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Return predicted and true numbers of records spread evenly over the range of the predictions."""
    order = np.argsort(predicted, kind="stable")
    rows = order[thin(predicted[order])]
    return pd.DataFrame({"predicted": predicted[rows], "actual": target[rows]})


def residual_histogram(residual: np.ndarray) -> pd.DataFrame:
    """Return the number of records per bin of truth less prediction; the outermost bins hold all that lies beyond."""
    low, high = np.quantile(residual, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, RESIDUAL_BINS + 1)
    count = np.histogram(np.clip(residual, edges[0], edges[-1]), edges)[0]
    return pd.DataFrame({"residual": (edges[:-1] + edges[1:]) / 2, "records": count})


def score_histogram(target: np.ndarray, score: np.ndarray, words: Words) -> pd.DataFrame:
    """Return the share of each class per bin of the score."""
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    parts = []
    for label, name in ((0, words.negative), (1, words.positive)):
        share = np.histogram(score[target == label], edges)[0] / (target == label).sum()
        parts.append(pd.DataFrame({"score": edges[:-1], "share": share, "actual": name}))
    return pd.concat(parts, ignore_index=True)


def cost_table(curve: CostCurve, records: int) -> pd.DataFrame:
    """Return the cost per record by threshold, ascending."""
    order = np.argsort(curve.threshold, kind="stable")
    threshold, cost = curve.threshold[order], curve.cost[order] / records
    rows = thin(threshold)
    return pd.DataFrame({"threshold": threshold[rows], "cost_per_record": cost[rows]})


def write_tables(tables: Mapping[str, pd.DataFrame], folder: str | Path) -> None:
    """Write a stage's tables by file name; those of the other kinds of target are written without rows."""
    columns = COLUMNS[Path(folder).name]
    empty = {name: pd.DataFrame(columns=list(names)) for name, names in columns.items() if name not in tables}
    for name, table in (empty | dict(tables)).items():
        write_csv(table, Path(folder) / f"{name}.csv")
