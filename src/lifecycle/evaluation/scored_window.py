"""A window with scores, labels and decisions side by side: what every figure is made from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.evaluation.calibration import Calibration
from lifecycle.evaluation.decision import cost_of_missing
from lifecycle.evaluation.metrics import Ranking, average_precision
from lifecycle.problem.problem import Problem


class Judged(NamedTuple):
    """What is known of each record of a window; arrays of shape (n,)."""

    target: np.ndarray  # 0 or 1
    score: np.ndarray
    probability: np.ndarray
    alert: np.ndarray  # bool: score >= threshold
    rule: np.ndarray | None  # bool: what the fixed rule would have flagged; None where there is none
    missed: np.ndarray  # cost of missing the record, if it is a positive
    day: np.ndarray  # day of the window
    entity: np.ndarray | None  # code 0..entities-1; None where the problem has no entities


def judge(scored: pd.DataFrame, decision: Mapping[str, Any], problem: Problem, rule_amount: float | None) -> Judged:
    """Bring the columns that figures need into arrays.

    Parameters
    ----------
    scored : pandas.DataFrame
        Identity, score, probability and alert of each record.
    decision : mapping
        As `decide` wrote it.
    problem : Problem
        Its roles.
    rule_amount : float or None
        The fixed rule to beat flags amounts above it.
    """
    amount = None if problem.amount is None else scored[problem.amount].to_numpy()
    rule = None if amount is None or rule_amount is None else amount > rule_amount
    return Judged(
        target=scored[problem.target].to_numpy(),
        score=scored["score"].to_numpy(),
        probability=scored["probability"].to_numpy(),
        alert=scored["alert"].to_numpy() == 1,
        rule=rule,
        missed=cost_of_missing(decision["cost_false_negative"], scored, problem.amount),
        day=pd.factorize(scored[problem.time].dt.floor("D"))[0],
        entity=None if problem.entity is None else pd.factorize(scored[problem.entity])[0],
    )


def baselines(scored: pd.DataFrame, problem: Problem) -> dict[str, float]:
    """Return the average precision of the rankings that the model must beat."""
    target = scored[problem.target].to_numpy()
    columns = {"logistic_regression": "baseline_score"} | ({} if problem.amount is None else {"amount": problem.amount})
    return {
        name: average_precision(*Ranking(target, scored[column].to_numpy(dtype=np.float64)).counts())
        for name, column in columns.items()
    }


def decided(records: pd.DataFrame, scores: np.ndarray, decision: Mapping[str, Any], problem: Problem) -> pd.DataFrame:
    """Return identity, `score`, `probability` and `alert` (0 or 1) of each record.

    Parameters
    ----------
    records : pandas.DataFrame, shape (n, columns)
        With the problem's roles.
    scores : array of float, shape (n,)
        Of a model.
    decision : mapping
        As `decide` wrote it.
    problem : Problem
        Its roles.
    """
    return (
        records[problem.identity()]
        .reset_index(drop=True)
        .assign(
            score=scores,
            probability=Calibration(**decision["calibration"]).apply(scores),
            alert=(scores >= decision["threshold"]).astype(np.int8),
        )
    )
