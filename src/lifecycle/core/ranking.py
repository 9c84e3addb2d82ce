"""Rankings of records and of entities by score, and the areas under their curves."""

import numpy as np


class Ranking:
    """Labels in descending order of score, sorted once for any number of weightings.

    Parameters
    ----------
    target : array of int, shape (n,)
        0 or 1.
    score : array of float or int, shape (n,)
        Larger is more suspicious; equal scores form one step.

    Examples
    --------
    >>> ranking = Ranking(np.array([1, 0, 1]), np.array([0.9, 0.5, 0.5]))
    >>> hits, false_alerts = ranking.counts()
    >>> hits.tolist(), false_alerts.tolist()
    ([1.0, 2.0], [0.0, 1.0])
    >>> round(average_precision(hits, false_alerts), 4), roc_auc(hits, false_alerts)
    (0.8333, 0.75)
    """

    def __init__(self, target: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.positive = target[self.order] == 1
        descending = score[self.order]
        last = np.append(np.diff(descending) != 0, True) if len(score) else np.empty(0, bool)
        self._steps = np.flatnonzero(last)
        self.thresholds = descending[self._steps]

    def counts(self, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of true and of false positives at or above each distinct score, descending."""
        w = np.ones(len(self.order)) if weight is None else weight[self.order]
        hits = np.cumsum(np.where(self.positive, w, 0))[self._steps]
        return hits, np.cumsum(w)[self._steps] - hits


def average_precision(hits: np.ndarray, false_alerts: np.ndarray) -> float:
    """Return the sum of precision times gain in recall over the steps of a ranking; NaN without positives.

    Parameters
    ----------
    hits, false_alerts : array of float, shape (steps,)
        From `Ranking.counts`.
    """
    if not len(hits) or hits[-1] == 0:
        return np.nan
    alerts = hits + false_alerts
    precision = np.divide(hits, alerts, out=np.zeros(len(hits)), where=alerts > 0)
    return float((precision * np.diff(hits, prepend=0)).sum() / hits[-1])


def roc_auc(hits: np.ndarray, false_alerts: np.ndarray) -> float:
    """Return the area under the ROC curve (trapezoids) from `Ranking.counts`; NaN with one class only."""
    if not len(hits) or hits[-1] == 0 or false_alerts[-1] == 0:
        return np.nan
    return float(np.trapezoid(np.append(0, hits), np.append(0, false_alerts)) / (hits[-1] * false_alerts[-1]))


def separation(values: np.ndarray, target: np.ndarray) -> float:
    """Return the area under the ROC curve of a feature alone, in its better direction; missing values rank last.

    Parameters
    ----------
    values : array of numbers, shape (n,)
        The feature.
    target : array of int, shape (n,)
        0 or 1. With one class only nothing is separated: 0.5.

    Examples
    --------
    >>> separation(np.array([3.0, 2.0, np.nan]), np.array([1, 0, 0]))
    0.5
    >>> separation(np.array([3.0, 2.0, 1.0]), np.array([0, 0, 1]))
    1.0
    """
    _, place = np.unique(values, return_inverse=True)  # missing values share the last place
    area = roc_auc(*Ranking(target, place).counts())
    return 0.5 if np.isnan(area) else max(area, 1 - area)


class EntityRanking:
    """Entities of each day in descending order of their highest score, for entity precision@k.

    Parameters
    ----------
    day, entity, target : array of int, shape (n,)
        Day number, entity code (0..entities-1) and label of each record.
    score : array of float, shape (n,)
        Score of each record.
    """

    def __init__(self, day: np.ndarray, entity: np.ndarray, target: np.ndarray, score: np.ndarray) -> None:
        self._days: list[tuple[np.ndarray, np.ndarray]] = []
        self._entities = int(entity.max(initial=-1)) + 1
        for number in np.unique(day):
            rows = np.flatnonzero(day == number)
            entities, code = np.unique(entity[rows], return_inverse=True)
            highest, positive = np.full(len(entities), -np.inf), np.zeros(len(entities), bool)
            np.maximum.at(highest, code, score[rows])
            np.logical_or.at(positive, code, target[rows] == 1)
            order = np.argsort(-highest, kind="stable")
            self._days.append((entities[order], positive[order]))

    def precision_at(self, k: int, copies: np.ndarray | None = None) -> float:
        """Return the mean over days of the share of entities with a positive among the k most suspicious ones.

        An entity detected on an earlier day is left out (Le Borgne et al. 2022, chapter 4). A day with fewer than k
        still counts k. With `copies` (shape (entities,)), each entity stands in the ranking that often.
        """
        detected = np.zeros(self._entities, bool)
        shares = []
        for ranked, positive in self._days:
            remaining = ~detected[ranked]
            entities, hit = ranked[remaining], positive[remaining]
            weight = np.ones(len(entities)) if copies is None else copies[entities].astype(np.float64)
            inside = np.clip(k - (np.cumsum(weight) - weight), 0, weight)  # copies of each entity within the first k
            shares.append(float(inside[hit].sum() / k))
            detected[entities[hit & (inside > 0)]] = True
        return float(np.mean(shares))
