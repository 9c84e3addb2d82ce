"""Continue an ensemble: further trees that learn from other rows stand behind those that it has.

The earlier trees stay as they are, bit for bit. Boosted trees learn what the earlier ones got wrong on the new rows;
those of a forest vote beside them, so old and new rows count by their numbers of trees.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Continue = Callable[[Any, np.ndarray, pd.Series, int], None]


def forest(model: Any, columns: np.ndarray, target: pd.Series, more: int) -> None:
    """Add trees to a forest of scikit-learn; they are other ones than the first of the same seed.

    Parameters
    ----------
    model : estimator
        Fitted; it is changed. This and the rest is the same for every function here.
    columns : numpy.ndarray, shape (n, columns)
        Prepared as the earlier rows were.
    target : pandas.Series, shape (n,)
        Of the same classes, where there are any.
    more : int
        Trees, or rounds of boosting: of several classes a round is a tree for each.
    """
    model.set_params(warm_start=True, n_estimators=len(model.estimators_) + more)
    model.fit(columns, target)
    model.set_params(warm_start=False)


def lightgbm(model: Any, columns: np.ndarray, target: pd.Series, more: int) -> None:
    """Add rounds to a model of LightGBM.

    The library takes the earlier trees' sum as the start of the new ones, and puts both into one model.
    """
    rounds = model.booster_.current_iteration()
    model.set_params(n_estimators=more)
    model.fit(columns, target, init_model=model.booster_)
    model.set_params(n_estimators=rounds + more)


def xgboost(model: Any, columns: np.ndarray, target: pd.Series, more: int) -> None:
    """Add rounds to a model of XGBoost, which keeps the start that it began with."""
    rounds = model.get_booster().num_boosted_rounds()
    model.set_params(n_estimators=more)
    model.fit(columns, target, xgb_model=model.get_booster())
    model.set_params(n_estimators=rounds + more)
