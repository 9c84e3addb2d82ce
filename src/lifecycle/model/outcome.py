"""What a search has found: its trials as a table, and whether the best one is better than the present values."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.model.comparison import Chance, Difference, compare
from lifecycle.model.metrics import Ranking, average_precision
from lifecycle.model.resampling import weights_of
from lifecycle.model.space import Values
from lifecycle.model.study import FIGURES, REFUSED, VALUES, counted, finished, in_state
from lifecycle.problem import Problem
from lifecycle.stage import PipelineError

FIGURE = "average_precision"  # mean over the folds


def start_and_best(study: Any, present: Values, folder: Path) -> tuple[Any, Any]:
    """Return the trial of the present values and the best one; of equals the first.

    Raises
    ------
    PipelineError
        The present values have not been judged.
    """
    start = finished(study, present, folder)
    if start is None:
        why = [trial.user_attrs.get(REFUSED) for trial in counted(study) if trial.user_attrs[VALUES] == present]
        raise PipelineError(next(filter(None, why), "the time was up before the first trials had ended; allow more"))
    return start, max(in_state(study, "COMPLETE"), key=lambda trial: trial.value)


def table(study: Any) -> pd.DataFrame:
    """Return the trials that count, the finished ones first and the best of them on top."""
    rows = []
    for trial in counted(study):
        figures = trial.user_attrs.get(FIGURES, [])
        state = {"COMPLETE": "finished", "PRUNED": "stopped early"}.get(trial.state.name, "refused")
        row = {"trial": trial.number, "state": state, FIGURE: np.mean(figures) if figures else np.nan}
        folds = {f"fold_{number}": figure for number, figure in enumerate(figures, 1)}
        rows.append(row | trial.user_attrs[VALUES] | folds | {"why": trial.user_attrs.get(REFUSED, "")})
    listed = pd.DataFrame(rows).sort_values(FIGURE, ascending=False, kind="stable")
    return listed.sort_values("state", key=lambda state: state != "finished", kind="stable", ignore_index=True)


def difference(judged: pd.DataFrame, scores: np.ndarray, problem: Problem, chance: Chance) -> Difference:
    """Compare two trials by their mean average precision over the folds.

    Parameters
    ----------
    judged : pandas.DataFrame
        The validation rows of all folds, the oldest fold first.
    scores : array of float, shape (2, n)
        Theirs, of the present values and of the best ones.
    problem : Problem
        Its roles.
    chance : Chance
        What the difference is held against.
    """
    first, second = (judged.assign(score=score) for score in scores)
    return compare(first, second, problem, partial(_mean_over_folds, problem), chance).figures[FIGURE]


def _mean_over_folds(problem: Problem, table: pd.DataFrame) -> Callable[[np.ndarray | None], dict[str, float]]:
    card = None if problem.card is None else pd.factorize(table[problem.card])[0]
    target, score, fold = (table[name].to_numpy() for name in (problem.target, "score", "fold"))
    places = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    rankings = [Ranking(target[rows], score[rows]) for rows in places]

    def figures(copies: np.ndarray | None) -> dict[str, float]:
        weight = np.ones(len(table)) if copies is None else weights_of(copies, card)
        pairs = zip(rankings, places, strict=True)
        return {FIGURE: float(np.mean([average_precision(*ranking.counts(weight[rows])) for ranking, rows in pairs]))}

    return figures
