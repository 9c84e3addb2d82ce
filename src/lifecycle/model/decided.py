"""Scores with the decision on file applied to them: the table that figures are made from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.model.calibration import Calibration
from lifecycle.model.scoring import identity
from lifecycle.problem import Problem


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
    return identity(records, problem).assign(
        score=scores,
        probability=Calibration(**decision["calibration"]).apply(scores),
        alert=(scores >= decision["threshold"]).astype(np.int8),
    )
