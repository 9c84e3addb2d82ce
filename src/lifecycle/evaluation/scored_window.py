"""What metrics are computed from: a window with scores, labels and decisions side by side, and resamples of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from lifecycle.core.params import EvaluateParams
from lifecycle.core.ranking import EntityRanking, Ranking, average_precision
from lifecycle.evaluation.bootstrap import entity_codes, units_of, weights_of
from lifecycle.evaluation.decision import Decision
from lifecycle.problem.problem import Problem


@dataclass(frozen=True, eq=False)
class ScoredWindow:
    """What is known of each record of a window; arrays of shape (n,)."""

    target: np.ndarray  # 0 or 1
    score: np.ndarray
    probability: np.ndarray
    alert: np.ndarray  # bool
    stake: np.ndarray  # what is lost with the record if it is a positive without an alert
    day: np.ndarray  # day of the window
    entity: np.ndarray | None  # code 0..entities-1; None where the problem has no entities
    rule: np.ndarray | None  # bool: what the fixed rule would flag; None where there is none
    decision: Decision
    days: float  # length of the window
    top_k: int  # entities reviewed a day
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
        """Return what alerts cost, record by record."""
        return self.decision.cost(self.target, alert, self.stake)


Column = Callable[[ScoredWindow], np.ndarray]


class Sample:
    """A window in which each record counts as often as a resample holds its entity. Metrics are functions of it.

    `copies` (entities,) says how often the resample holds each entity; without it the sample is the window itself.
    """

    def __init__(self, window: ScoredWindow, copies: np.ndarray | None = None) -> None:
        self.window, self.copies = window, copies
        self.weight = None if copies is None else weights_of(copies, window.entity)

    def total(self, column: Column) -> np.ndarray:
        """Return the sum of a column over the records: one number, or one per group."""
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
    scored: pd.DataFrame, problem: Problem, decision: Decision, options: EvaluateParams, days: float
) -> ScoredWindow:
    """Bring a table of scores of so many days, from `score_table`, into arrays; `options` have rule and `top_k`."""
    amount = None if problem.amount is None else scored[problem.amount].to_numpy()
    return ScoredWindow(
        target=scored[problem.target].to_numpy(),
        score=scored["score"].to_numpy(),
        probability=scored["probability"].to_numpy(),
        alert=scored["alert"].to_numpy() == 1,
        stake=decision.stake(scored, problem.amount),
        day=pd.factorize(scored[problem.time].dt.floor("D"))[0],
        entity=entity_codes(scored, problem.entity),
        rule=None if amount is None or options.rule_amount is None else amount > options.rule_amount,
        decision=decision,
        days=days,
        top_k=options.top_k,
    )


def score_table(records: pd.DataFrame, scores: np.ndarray, problem: Problem, decision: Decision) -> pd.DataFrame:
    """Return identity, `score`, `probability` and `alert` (0 or 1) of each record."""
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
