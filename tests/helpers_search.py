"""Small problems of each kind of target, and folds of them."""

import dataclasses

import numpy as np
import pandas as pd

from lifecycle.models.training import Fold
from lifecycle.problem.problem import Problem
from tests.helpers_bundle import SHOPS
from tests.helpers_model import learnable

OF_KIND = {
    "binary": SHOPS,
    "multiclass": dataclasses.replace(SHOPS, task="multiclass", classes=("low", "middle", "high")),
    "regression": dataclasses.replace(SHOPS, task="regression"),
}


def table_of(problem: Problem, rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Return features and a target of a problem's kind that they tell something of."""
    features, target = learnable(rows, seed)
    hidden = (
        features["number"] + 0.3 * (features["shop"] == "garage") + np.random.default_rng(seed).normal(0, 0.2, rows)
    )
    kinds = {"binary": target, "multiclass": np.digitize(hidden, [0.4, 0.8]).astype(np.int8), "regression": hidden}
    return features.assign(**{problem.target: kinds[problem.task]})


def folds_of_kind(problem: Problem) -> list[Fold]:
    """Return three folds of a table of a problem's kind."""
    return [Fold(table_of(problem, 300, seed), table_of(problem, 300, seed + 3)) for seed in (1, 2, 3)]
