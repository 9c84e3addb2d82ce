"""A window with scores, labels and decisions side by side, and resamples of it: what metrics are computed from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from lifecycle.core.params import EvaluateParams
from lifecycle.core.ranking import EntityRanking, Ranking, average_precision
from lifecycle.evaluation.bootstrap import units_of, weights_of
from lifecycle.evaluation.decision import Costs, Decision
from lifecycle.problem.problem import Problem


@dataclass(frozen=True, eq=False)
class ScoredWindow:
    """What is known of each record of a window; arrays of shape (n,).

    Parameters
    ----------
    target : array of int
        0 or 1.
    score, probability : array of float
        Of the model; the probability is the calibrated score.
    alert : array of bool
        Whether the score reaches the threshold.
    day : array of int
        Day of the window.
    entity : array of int, or None
        Code 0..entities-1; None where the problem has no entities.
    missing : array of float
        Cost of missing the record, if it is a positive.
    costs : Costs
        The cost rule.
    days : float
        Length of the window.
    top_k : int
        Entities reviewed a day.
    rule : array of bool, or None
        What the fixed rule would flag; None where there is none.
    """

    target: np.ndarray
    score: np.ndarray
    probability: np.ndarray
    alert: np.ndarray
    day: np.ndarray
    entity: np.ndarray | None
    missing: np.ndarray
    costs: Costs
    days: float
    top_k: int
    rule: np.ndarray | None = None
    _columns: dict[Callable, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @property
    def units(self) -> int:
        """Number of entities, or of records where there are no entities: what a bootstrap draws from."""
        return units_of(self.entity, len(self.target))

    @cached_property
    def ranking(self) -> Ranking:
        """The records by score."""
        return Ranking(self.target, self.score)

    @cached_property
    def entity_ranking(self) -> EntityRanking:
        """The entities of each day by score; only where the problem has entities."""
        return EntityRanking(self.day, self.entity, self.target, self.score)  # type: ignore[arg-type]

    def column(self, function: "Column") -> np.ndarray:
        """Return a number per record, float64 of shape (n,), computed once."""
        if function not in self._columns:
            self._columns[function] = np.asarray(function(self), dtype=np.float64)
        return self._columns[function]

    def cost(self, alert: np.ndarray | bool) -> np.ndarray:
        """Return what decisions cost, record by record."""
        return self.costs.of_records(self.target, alert, self.missing)


Column = Callable[[ScoredWindow], np.ndarray]


class Sample:
    """A window in which each record counts as often as a resample holds its entity. Metrics are functions of it.

    Parameters
    ----------
    window : ScoredWindow
        The window.
    copies : array of int, shape (entities,), or None
        How often each entity stands in the resample; None: once, which is the window itself.
    """

    def __init__(self, window: ScoredWindow, copies: np.ndarray | None = None) -> None:
        self.window, self.copies = window, copies
        self.weight = None if copies is None else weights_of(copies, window.entity)
        self._totals: dict[Column, np.ndarray] = {}

    def total(self, column: Column) -> np.ndarray:
        """Return the sum of a column over the records: one number, or one per group."""
        if column not in self._totals:
            self._totals[column] = self._sum(column)
        return self._totals[column]

    def _sum(self, column: Column) -> np.ndarray:
        # Summed without the BLAS, whose order of summation depends on the processor and its threads.
        values = self.window.column(column)
        return (values if self.weight is None else values * self.weight).sum()

    @cached_property
    def counts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """True and false positives along the ranking of the window, or of each group."""
        return [self.window.ranking.counts(self.weight)]

    def ranked(self, area: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
        """Return a figure of the ranking; NaN with one class only, as any order is right there."""
        return np.array([area(*counts) if len(counts[1]) and counts[1][-1] > 0 else np.nan for counts in self.counts])

    @property
    def entity_precision(self) -> float:
        """Share of entities with a positive among the `top_k` most suspicious ones of a day, mean over days."""
        return self.window.entity_ranking.precision_at(self.window.top_k, self.copies)


def scored_window(
    scored: pd.DataFrame, problem: Problem, costs: Costs, options: EvaluateParams, days: float
) -> ScoredWindow:
    """Bring a table of scores into arrays.

    Parameters
    ----------
    scored : pandas.DataFrame, shape (n, columns)
        From `score_table`.
    problem : Problem
        Its roles.
    costs : Costs
        The cost rule.
    options : EvaluateParams
        The fixed rule to beat, and how many entities are reviewed a day.
    days : float
        Length of the window.
    """
    amount = None if problem.amount is None else scored[problem.amount].to_numpy()
    return ScoredWindow(
        target=scored[problem.target].to_numpy(),
        score=scored["score"].to_numpy(),
        probability=scored["probability"].to_numpy(),
        alert=scored["alert"].to_numpy() == 1,
        day=pd.factorize(scored[problem.time].dt.floor("D"))[0],
        entity=None if problem.entity is None else pd.factorize(scored[problem.entity])[0],
        missing=costs.of_missing(scored, problem.amount),
        costs=costs,
        days=days,
        top_k=options.top_k,
        rule=None if amount is None or options.rule_amount is None else amount > options.rule_amount,
    )


def score_table(records: pd.DataFrame, scores: np.ndarray, problem: Problem, decision: Decision) -> pd.DataFrame:
    """Return identity, `score`, `probability` and `alert` (0 or 1) of each record.

    Parameters
    ----------
    records : pandas.DataFrame, shape (n, columns)
        With the problem's roles.
    scores : array of float, shape (n,)
        Of a model.
    problem : Problem
        Its roles.
    decision : Decision
        Calibration and threshold.
    """
    probability, alert = decision.apply(scores)
    identity = records[problem.identity()].reset_index(drop=True)
    return identity.assign(score=scores, probability=probability, alert=alert.astype(np.int8))


def baselines(scored: pd.DataFrame, problem: Problem) -> dict[str, float]:
    """Return the average precision of the rankings that the model must beat."""
    target = scored[problem.target].to_numpy()
    columns = {"logistic_regression": "baseline_score"} | ({} if problem.amount is None else {"amount": problem.amount})
    return {
        name: average_precision(*Ranking(target, scored[column].to_numpy(dtype=np.float64)).counts())
        for name, column in columns.items()
    }
