"""Pick out of a table what a model sees, and lay scores beside what identifies their records."""

from collections.abc import Sequence

import pandas as pd

from lifecycle.params import TrainParams
from lifecycle.problem import Problem
from lifecycle.stage import PipelineError


def feature_names(problem: Problem, params: TrainParams) -> list[str]:
    """Return the problem's features without the excluded ones.

    Raises
    ------
    PipelineError
        An excluded name is no feature, or none is left.
    """
    unknown = sorted(set(params.exclude_features) - set(problem.feature_names))
    names = [name for name in problem.feature_names if name not in params.exclude_features]
    if unknown or not names:
        fault = f"{unknown[0]!r} is no feature" if unknown else "no feature is left"
        raise PipelineError(
            f"params.yaml: train.exclude_features: {fault}; the features are: {', '.join(problem.feature_names)}"
        )
    return names


def identity(records: pd.DataFrame, problem: Problem, extra: Sequence[str] = ()) -> pd.DataFrame:
    """Return the columns that say which record a score belongs to, what it was worth, and which groups it is in."""
    roles = (*extra, problem.key, problem.time, problem.card, problem.amount, problem.target, *problem.banded)
    return records[[name for name in dict.fromkeys(roles) if name is not None]].reset_index(drop=True)
