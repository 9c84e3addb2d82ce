"""The tables behind the plots of a window, with about 200 points each: small in a diff and on a page."""

from pathlib import Path

import numpy as np
import pandas as pd

from lifecycle.core.ranking import Ranking
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.probability_calibration import calibration_bins
from lifecycle.evaluation.scored_window import ScoredWindow
from lifecycle.evaluation.threshold import CostCurve
from lifecycle.problem.purpose import Words

POINTS = 200
SCORE_BINS = 20


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


def confusion_table(target: np.ndarray, alert: np.ndarray, words: Words) -> pd.DataFrame:
    """Return the number of records for each pair of truth and decision."""
    pairs = [(truth, decision) for truth in (0, 1) for decision in (0, 1)]
    return pd.DataFrame(
        {
            "actual": [(words.negative, words.positive)[truth] for truth, _ in pairs],
            "decided": [("pass", "alert")[decision] for _, decision in pairs],
            "records": [int(((target == truth) & (alert == decision)).sum()) for truth, decision in pairs],
        }
    )


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


def write_tables(window: ScoredWindow, folder: str | Path, words: Words) -> None:
    """Write the tables of a scored window that `dvc plots` draws."""
    tables = {
        "precision_recall": precision_recall_table(window.ranking),
        "roc": roc_table(window.ranking),
        "calibration": calibration_table(window.target, window.probability),
        "confusion": confusion_table(window.target, window.alert, words),
        "scores": score_histogram(window.target, window.score, words),
    }
    for name, table in tables.items():
        write_csv(table, Path(folder) / f"{name}.csv")
