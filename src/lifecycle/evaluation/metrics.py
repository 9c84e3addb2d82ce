"""Figures of a ranking and of its decisions, for weighted rows: one code for a figure and for its bootstrap."""

import numpy as np


class Ranking:
    """Labels in descending order of score, sorted once for any number of weightings.

    Parameters
    ----------
    target : array of int, shape (n,)
        0 or 1.
    score : array of float, shape (n,)
        Larger is more suspicious; equal scores form one step.
    """

    def __init__(self, target: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.positive = target[self.order] == 1
        self.thresholds, self._steps = _steps(score[self.order])

    def counts(self, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of true and of false positives at or above each distinct score, descending."""
        w = np.ones(len(self.order)) if weight is None else weight[self.order]
        hits = np.cumsum(np.where(self.positive, w, 0))[self._steps]
        return hits, np.cumsum(w)[self._steps] - hits


def _steps(descending: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    last = np.flatnonzero(np.append(np.diff(descending) != 0, True)) if len(descending) else np.empty(0, np.int64)
    return descending[last], last


def average_precision(hits: np.ndarray, alarms: np.ndarray) -> float:
    """Return the sum of precision times gain in recall over the steps of a ranking; NaN without positives."""
    if not len(hits) or hits[-1] == 0:
        return np.nan
    flagged = hits + alarms
    precision = np.divide(hits, flagged, out=np.zeros(len(hits)), where=flagged > 0)
    return float((precision * np.diff(hits, prepend=0)).sum() / hits[-1])


def roc_auc(hits: np.ndarray, alarms: np.ndarray) -> float:
    """Return the area under the ROC curve (trapezoids); NaN with one class only."""
    if not len(hits) or hits[-1] == 0 or alarms[-1] == 0:
        return np.nan
    return float(np.trapezoid(np.append(0, hits), np.append(0, alarms)) / (hits[-1] * alarms[-1]))


def calibration_bins(
    target: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weight, mean probability and share of positives in bins of equal width; NaN where a bin is empty."""
    w = np.ones(len(target)) if weight is None else weight
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    mass, predicted, observed = (np.bincount(place, w * v, bins) for v in (1.0, probability, target))
    with np.errstate(invalid="ignore"):
        return mass, predicted / mass, observed / mass


def calibration_error(target: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the expected calibration error over ten bins (Guo et al. 2017): mean distance of share and probability."""
    mass, predicted, observed = calibration_bins(target, probability, weight)
    return float(np.nansum(mass * np.abs(observed - predicted)) / mass.sum())


class EntityRanking:
    """Entities of each day in descending order of their highest score, for entity precision@k.

    Parameters
    ----------
    day, entity, target : array of int, shape (n,)
        Day number, entity code (0..entities-1) and label of each row.
    score : array of float, shape (n,)
        Score of each row.
    """

    def __init__(self, day: np.ndarray, entity: np.ndarray, target: np.ndarray, score: np.ndarray) -> None:
        self._days: list[tuple[np.ndarray, np.ndarray]] = []
        self._entities = int(entity.max(initial=-1)) + 1
        for number in np.unique(day):
            rows = np.flatnonzero(day == number)
            entities, code = np.unique(entity[rows], return_inverse=True)
            highest, hit = np.full(len(entities), -np.inf), np.zeros(len(entities), bool)
            np.maximum.at(highest, code, score[rows])
            np.logical_or.at(hit, code, target[rows] == 1)
            order = np.argsort(-highest, kind="stable")
            self._days.append((entities[order], hit[order]))

    def precision_at(self, k: int, copies: np.ndarray | None = None) -> float:
        """Return the mean over days of the share of entities with a positive among the k most suspicious ones.

        An entity detected on an earlier day is left out (Le Borgne et al. 2022, chapter 4). A day with fewer than k
        still counts k. With `copies` (shape (entities,)), each entity stands in the ranking that often.
        """
        found = np.zeros(self._entities, bool)
        shares = []
        for ranked, positive in self._days:
            left = ~found[ranked]
            entities, hit = ranked[left], positive[left]
            weight = np.ones(len(entities)) if copies is None else copies[entities].astype(np.float64)
            inside = np.clip(k - (np.cumsum(weight) - weight), 0, weight)  # copies of each entity within the first k
            shares.append(float(inside[hit].sum() / k))
            found[entities[hit & (inside > 0)]] = True
        return float(np.mean(shares))
