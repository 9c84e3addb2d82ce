"""Model families that `train.model` may name: how each is built, how its score is read, and what it can do.

A family is one entry of `FAMILIES`. Other code asks the family of a fitted pipeline (`family_of`) and never looks at
the estimator's class, so a new family is a new entry and nothing else. Without `linear` or `trees` no score is split
into contributions, and without `trees` or `onnx` no bundle is made: explain and package then say so and go on.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Dimension
from lifecycle.models import continuation, estimator_scores, trees
from lifecycle.models.estimator_scores import Growth
from lifecycle.models.preprocessing import preparation
from lifecycle.models.trees import Ensemble
from lifecycle.problem.problem import Task

SET_HERE = {"random_state", "n_jobs", "verbose", "warm_start"}  # not to be set in params.yaml


@dataclass(frozen=True)
class Family:
    """A kind of model. The functions among its fields take the fitted estimator, without the preprocessing.

    Attributes
    ----------
    name : str
        As params.yaml says it.
    classifier, regressor : str
        Module and class with scikit-learn's interface, for tasks with classes and for numbers; empty where there is
        none.
    fixed, defaults : mapping of str to Any
        Arguments that params.yaml can't set, and those with another default than the library's.
    package, extra : str
        The library as requirements.lock names it, and the extra of pyproject.toml that installs it.
    scaled : bool
        Whether numbers are scaled and their gaps filled before the estimator sees them.
    exact : bool
        Whether a score is a mean over trees, the same bits whoever computes it. Other probabilities are rounded to 8
        decimals, other numbers to single precision.
    linear : bool
        Whether the log-odds, or the number, are `coef_` times the values, plus `intercept_`.
    trees : callable, optional
        Reads the trees, for contributions and for the bundle.
    onnx : callable, optional
        For a family without trees: adds the log-odds, or the number, to a `lifecycle.bundle.onnx_export.Graph`. Takes
        the graph, the name of the columns and the estimator, and returns the name of the result, of shape (rows,), or
        (rows, classes) where there are several.
    log_odds : callable, optional
        Reads the log-odds of columns, where the estimator's probabilities are less precise than those.
    growth : callable, optional
        Returns how many steps an ensemble was grown in, and the scores of columns after each step.
    continues : callable, optional
        Adds trees that learn from other rows. Those of hist_gradient_boosting know the bins of their own rows only.
    space : mapping of str to Dimension
        The hyper-parameters that a search tries where params.yaml names none, each with its default among the values.
    tolerance : float
        How far a score may be from the sum of its contributions, by rounding alone: see `limit`.

    Examples
    --------
    >>> [name for name, family in FAMILIES.items() if not family.trees]
    ['logistic_regression', 'ridge']
    >>> Family("k_nearest_neighbours", "sklearn.neighbors.KNeighborsClassifier", scaled=True).has_export
    False
    """

    name: str
    classifier: str = ""
    regressor: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    package: str = "scikit-learn"
    extra: str = ""
    scaled: bool = False
    exact: bool = False
    linear: bool = False
    trees: Callable[[Any], Ensemble] | None = None
    onnx: Callable[[Any, str, Any], str] | None = None
    log_odds: Callable[[Any, Any], np.ndarray] | None = None
    growth: Callable[[Any, Any], Growth] | None = None
    continues: continuation.Continue | None = None
    space: Mapping[str, Dimension] = field(default_factory=dict)
    tolerance: float = 10.0**-estimator_scores.DECIMALS

    @property
    def library(self) -> str:
        """The library's name in Python."""
        return (self.classifier or self.regressor).split(".")[0]

    @property
    def has_contributions(self) -> bool:
        """Whether a score can be split exactly into what each feature adds."""
        return self.linear or self.trees is not None

    @property
    def has_export(self) -> bool:
        """Whether a bundle can be made that gives the same scores."""
        return self.trees is not None or self.onnx is not None

    def estimator(self, task: Task) -> str:
        """Return module and class of the estimator for a task; empty where there is none."""
        return self.regressor if task == "regression" else self.classifier

    def limit(self, unit: str) -> float:
        """Return how far a score in that unit may be from the sum of its contributions; of a number, as a share."""
        return max(self.tolerance, 1e-7) if unit == "number" and not self.exact else self.tolerance

    def new_estimator(self, task: Task) -> Any:
        """Return an unfitted estimator with the family's own values."""
        module, name = self.estimator(task).rsplit(".", 1)
        return getattr(importlib.import_module(module), name)(**self.fixed, **self.defaults)

    def hyperparameters(self, task: Task) -> dict[str, Any]:
        """Return what params.yaml may set, with the defaults, by name in alphabetical order."""
        values = self.new_estimator(task).get_params()
        return {name: values[name] for name in sorted(set(values) - SET_HERE - set(self.fixed))}


def _linear_sum(graph: Any, columns: str, model: Any) -> str:
    several = np.ndim(model.coef_) > 1 and len(model.coef_) > 1
    slopes, start = (
        (model.coef_.T, model.intercept_) if several else (np.ravel(model.coef_), np.ravel(model.intercept_))
    )
    return str(graph.add("Add", graph.add("MatMul", columns, graph.constant(slopes)), graph.constant(start)))


_DEPTHS = Dimension(choices=[None, 4, 6, 8, 12, 16, 24])
_LEAVES, _RATES = Dimension(low=7, high=127, log=True), Dimension(low=0.02, high=0.3, log=True)
_SPACE_OF_FOREST = {
    "n_estimators": Dimension(low=50, high=300, step=50),
    "max_depth": _DEPTHS,
    "min_samples_leaf": Dimension(low=1, high=20, log=True),
    "max_features": Dimension(choices=["sqrt", 0.3, 0.6, 1.0]),
}
_MEAN_OF_TREES: Mapping[str, Any] = {"exact": True, "trees": trees.of_forest, "tolerance": 1e-9}
_FOREST: Mapping[str, Any] = {
    "fixed": {"n_jobs": -1},
    "growth": estimator_scores.of_growing_forest,
    "continues": continuation.forest,
    "space": _SPACE_OF_FOREST,
    **_MEAN_OF_TREES,
}
_LINEAR: Mapping[str, Any] = {"scaled": True, "linear": True, "onnx": _linear_sum}
FAMILIES = {
    family.name: family
    for family in (
        Family(
            "random_forest",
            "sklearn.ensemble.RandomForestClassifier",
            "sklearn.ensemble.RandomForestRegressor",
            **_FOREST,
        ),
        Family(
            "extra_trees", "sklearn.ensemble.ExtraTreesClassifier", "sklearn.ensemble.ExtraTreesRegressor", **_FOREST
        ),
        Family(
            "hist_gradient_boosting",
            "sklearn.ensemble.HistGradientBoostingClassifier",
            "sklearn.ensemble.HistGradientBoostingRegressor",
            trees=trees.of_hist_gradient_boosting,
            growth=estimator_scores.of_growing_boosting,
            space={
                "learning_rate": _RATES,
                "max_iter": Dimension(low=50, high=400, log=True),
                "max_leaf_nodes": _LEAVES,
                "min_samples_leaf": Dimension(low=5, high=100, log=True),
            },
        ),
        Family(
            "logistic_regression",
            "sklearn.linear_model.LogisticRegression",
            defaults={"max_iter": 1_000},
            space={"C": Dimension(low=0.001, high=100.0, log=True)},
            **_LINEAR,
        ),
        Family(
            "ridge",
            regressor="sklearn.linear_model.Ridge",
            space={"alpha": Dimension(low=0.001, high=1000.0, log=True)},
            **_LINEAR,
        ),
        Family(
            "decision_tree",
            "sklearn.tree.DecisionTreeClassifier",
            "sklearn.tree.DecisionTreeRegressor",
            space={"max_depth": _DEPTHS, "min_samples_leaf": Dimension(low=1, high=100, log=True)},
            **_MEAN_OF_TREES,
        ),
        Family(
            "lightgbm",
            "lightgbm.LGBMClassifier",
            "lightgbm.LGBMRegressor",
            # deterministic and force_col_wise: otherwise its sums depend on the number of threads
            fixed={"deterministic": True, "force_col_wise": True, "verbosity": -1, "n_jobs": 1},
            package="lightgbm",
            extra="boosting",
            trees=trees.of_lightgbm,
            continues=continuation.lightgbm,
            space={
                "learning_rate": _RATES,
                "n_estimators": Dimension(low=50, high=400, log=True),
                "num_leaves": _LEAVES,
                "min_child_samples": Dimension(low=5, high=100, log=True),
            },
        ),
        Family(
            "xgboost",
            "xgboost.XGBClassifier",
            "xgboost.XGBRegressor",
            fixed={"n_jobs": 1},
            defaults={"learning_rate": 0.3, "n_estimators": 100, "max_depth": 6},  # its own, which it keeps as None
            package="xgboost-cpu",
            extra="boosting",
            trees=trees.of_xgboost,
            continues=continuation.xgboost,
            log_odds=estimator_scores.xgboost_log_odds,
            space={
                "learning_rate": _RATES,
                "n_estimators": Dimension(low=50, high=400, log=True),
                "max_depth": Dimension(low=2, high=12),
            },
            tolerance=1e-5,  # it adds up in single precision: 4e-6 with 500 trees
        ),
    )
}


def family_named(model: str, task: Task) -> Family:
    """Return the family that params.yaml names.

    Raises
    ------
    PipelineError
        There is no such family, it has no estimator for the task, or its library is not installed.
    """
    if model not in FAMILIES:
        raise PipelineError(f"params.yaml: train.model = {model!r}: unknown; known: {', '.join(FAMILIES)}")
    family = FAMILIES[model]
    if not family.estimator(task):
        able = ", ".join(name for name, other in FAMILIES.items() if other.estimator(task))
        raise PipelineError(f"params.yaml: train.model = {model!r}: not for a {task} task; choose one of: {able}")
    if importlib.util.find_spec(family.library) is None:
        raise PipelineError(
            f"params.yaml: train.model = {model!r}: {family.library} is not installed; it is in the extra"
            f" `{family.extra}`"
        )
    return family


def family_of(pipeline: Pipeline) -> Family:
    """Return the family of a pipeline that `build` made, also after it was written to disk and read again."""
    kind = type(pipeline[-1])
    for family in FAMILIES.values():
        names = [path.rpartition(".")[2] for path in (family.classifier, family.regressor)]
        if family.library == kind.__module__.split(".")[0] and kind.__name__ in names:
            return family
    raise PipelineError(f"{kind.__name__}: no model family; those of lifecycle.models.families: {', '.join(FAMILIES)}")


def build(model: str, task: Task, seed: int, hyperparameters: Mapping[str, Any], features: pd.DataFrame) -> Pipeline:
    """Make an unfitted pipeline: preprocessing, then the estimator.

    Parameters
    ----------
    model : str
        A key of `FAMILIES`.
    task : {"binary", "multiclass", "regression"}
        What is predicted.
    seed : int
        `random_state` of the estimator, where it has one, and of the folds of the preprocessing.
    hyperparameters : mapping of str to Any
        By the estimator's own names.
    features : pandas.DataFrame
        The training rows; only their columns' names and types are used, and how many values a text has.

    Raises
    ------
    PipelineError
        Unknown model, one that is not for the task, a package that is not installed, or a hyper-parameter that the
        model does not have.
    """
    family = family_named(model, task)
    estimator, known = family.new_estimator(task), family.hyperparameters(task)
    for name, value in hyperparameters.items():
        if name not in known:
            raise PipelineError(
                f"params.yaml: train.{name} = {value!r}: {model} has no such parameter; it has: {', '.join(known)}."
                f" Remove the line, or for one experiment: dvc exp run -S '~train.{name}'"
            )
    seeded = {"random_state": seed} if "random_state" in estimator.get_params() else {}
    estimator.set_params(**seeded, **hyperparameters)
    return Pipeline([("prepare", preparation(features, family.scaled, task, seed)), ("model", estimator)])
