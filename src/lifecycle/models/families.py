"""Model families that `train.model` may name: how each is built, how its score is read, and what it can do.

A family is one entry of `FAMILIES`. Other code asks the family of a fitted pipeline (`family_of`) and never looks at
the estimator's class, so a new family is a new entry and nothing else. Without
`linear` or `trees` no score can be split into contributions, and without `trees` or `onnx` no bundle can be made: the
stages explain and package then say so and go on.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.core.errors import PipelineError
from lifecycle.core.portable_math import sigmoid
from lifecycle.models import trees
from lifecycle.models.preprocessing import preparation
from lifecycle.models.trees import Ensemble

DECIMALS = 8  # of a score that is not exact
SET_HERE = {"random_state", "n_jobs", "verbose", "warm_start"}  # not to be set in params.yaml
Growth = tuple[int, Iterator[np.ndarray]]


@dataclass(frozen=True)
class Family:
    """A kind of model. The functions among its fields take the fitted estimator, without the preprocessing.

    Attributes
    ----------
    name : str
        As params.yaml says it.
    estimator : str
        Module and class of a classifier with scikit-learn's interface.
    fixed, defaults : mapping of str to Any
        Arguments that params.yaml can't set, and those with another default than the library's.
    package, extra : str
        The library as requirements.lock names it, and the extra of pyproject.toml that installs it.
    scaled : bool
        Whether numbers are scaled and their gaps filled before the estimator sees them.
    exact : bool
        Whether a score is a mean of shares, the same bits whoever computes it. Other scores are rounded to 8 decimals.
    linear : bool
        Whether the log-odds are `coef_` times the values, plus `intercept_`.
    trees : callable, optional
        Reads the trees, for exact contributions and for the bundle.
    onnx : callable, optional
        For a family without trees: adds the log-odds to a `lifecycle.bundle.onnx_export.Graph`. Takes the graph, the
        name of the columns and the estimator, and returns the name of the log-odds.
    log_odds : callable, optional
        Reads the log-odds of columns, where the estimator's probabilities are less precise than those.
    growth : callable, optional
        Returns how many steps an ensemble was grown in, and the scores of columns after each step.
    tolerance : float
        How far a score may be from the sum of its contributions, by rounding alone.

    Examples
    --------
    >>> [name for name, family in FAMILIES.items() if not family.trees]
    ['logistic_regression']
    >>> Family("k_nearest_neighbours", "sklearn.neighbors.KNeighborsClassifier", scaled=True).has_export
    False
    """

    name: str
    estimator: str
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
    tolerance: float = 10.0**-DECIMALS

    @property
    def library(self) -> str:
        """The library's name in Python."""
        return self.estimator.split(".")[0]

    @property
    def has_contributions(self) -> bool:
        """Whether a score can be split exactly into what each feature adds."""
        return self.linear or self.trees is not None

    @property
    def has_export(self) -> bool:
        """Whether a bundle can be made that gives the same scores."""
        return self.trees is not None or self.onnx is not None

    def new_estimator(self) -> Any:
        """Return an unfitted estimator with the family's own values."""
        module, name = self.estimator.rsplit(".", 1)
        return getattr(importlib.import_module(module), name)(**self.fixed, **self.defaults)

    def hyperparameters(self) -> dict[str, Any]:
        """Return what params.yaml may set, with the defaults, by name in alphabetical order."""
        values = self.new_estimator().get_params()
        return {name: values[name] for name in sorted(set(values) - SET_HERE - set(self.fixed))}


def _linear_log_odds(graph: Any, columns: str, model: Any) -> str:
    total = graph.add("MatMul", columns, graph.constant(model.coef_[0]))
    return str(graph.add("Add", total, graph.constant(model.intercept_)))


def _xgboost_log_odds(model: Any, columns: Any) -> np.ndarray:
    return np.asarray(model.predict(columns, output_margin=True))  # probabilities are in single precision


def _forest_growth(model: Any, columns: Any) -> Growth:
    def scores() -> Iterator[np.ndarray]:
        values, total = np.asarray(columns, dtype=np.float32), np.zeros(len(columns))
        for size, tree in enumerate(model.estimators_, 1):
            total += tree.predict_proba(values, check_input=False)[:, 1]
            yield total / size

    return len(model.estimators_), scores()


def _boosting_growth(model: Any, columns: Any) -> Growth:
    return model.n_iter_, (probabilities[:, 1] for probabilities in model.staged_predict_proba(columns))


_MEAN_OF_SHARES: Mapping[str, Any] = {"exact": True, "trees": trees.of_forest, "tolerance": 1e-9}
_FOREST: Mapping[str, Any] = {"fixed": {"n_jobs": -1}, "growth": _forest_growth, **_MEAN_OF_SHARES}
FAMILIES = {
    family.name: family
    for family in (
        Family("random_forest", "sklearn.ensemble.RandomForestClassifier", **_FOREST),
        Family("extra_trees", "sklearn.ensemble.ExtraTreesClassifier", **_FOREST),
        Family(
            "hist_gradient_boosting",
            "sklearn.ensemble.HistGradientBoostingClassifier",
            trees=trees.of_hist_gradient_boosting,
            growth=_boosting_growth,
        ),
        Family(
            "logistic_regression",
            "sklearn.linear_model.LogisticRegression",
            defaults={"max_iter": 1_000},
            scaled=True,
            linear=True,
            onnx=_linear_log_odds,
        ),
        Family("decision_tree", "sklearn.tree.DecisionTreeClassifier", **_MEAN_OF_SHARES),
        Family(
            "lightgbm",
            "lightgbm.LGBMClassifier",
            # deterministic and force_col_wise: otherwise its sums depend on the number of threads
            fixed={"deterministic": True, "force_col_wise": True, "verbosity": -1, "n_jobs": 1},
            package="lightgbm",
            extra="boosting",
            trees=trees.of_lightgbm,
        ),
        Family(
            "xgboost",
            "xgboost.XGBClassifier",
            fixed={"n_jobs": 1},
            package="xgboost-cpu",
            extra="boosting",
            trees=trees.of_xgboost,
            log_odds=_xgboost_log_odds,
            tolerance=1e-5,  # it adds up in single precision: 4e-6 with 500 trees
        ),
    )
}


def family_named(model: str) -> Family:
    """Return the family that params.yaml names.

    Raises
    ------
    PipelineError
        There is no such family, or its library is not installed.
    """
    if model not in FAMILIES:
        raise PipelineError(f"params.yaml: train.model = {model!r}: unknown; known: {', '.join(FAMILIES)}")
    family = FAMILIES[model]
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
        if (family.library, family.estimator.rsplit(".", 1)[1]) == (kind.__module__.split(".")[0], kind.__name__):
            return family
    raise PipelineError(f"{kind.__name__}: no model family; those of lifecycle.models.families: {', '.join(FAMILIES)}")


def build(model: str, seed: int, hyperparameters: Mapping[str, Any], features: pd.DataFrame) -> Pipeline:
    """Make an unfitted pipeline: preprocessing, then the estimator.

    Parameters
    ----------
    model : str
        A key of `FAMILIES`.
    seed : int
        `random_state` of the estimator, where it has one.
    hyperparameters : mapping of str to Any
        By the estimator's own names.
    features : pandas.DataFrame
        The training rows; only their columns' names and types are used.

    Raises
    ------
    PipelineError
        Unknown model, a package that is not installed, or a hyper-parameter that the model does not have.
    """
    family = family_named(model)
    estimator, known = family.new_estimator(), family.hyperparameters()
    for name, value in hyperparameters.items():
        if name not in known:
            raise PipelineError(
                f"params.yaml: train.{name} = {value!r}: {model} has no such parameter; it has: {', '.join(known)}."
                f" Remove the line, or for one experiment: dvc exp run -S '~train.{name}'"
            )
    seeded = {"random_state": seed} if "random_state" in estimator.get_params() else {}
    estimator.set_params(**seeded, **hyperparameters)
    return Pipeline([("prepare", preparation(features, family.scaled)), ("model", estimator)])


def predict(pipeline: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Return the score of each row: the estimator's probability of class 1, not calibrated. Shape (n,).

    `rows` may have more columns than the features. A sum through an exponential is rounded to eight decimals: its last
    bits differ between programs, and a decision must not hang on them.
    """
    family, features = family_of(pipeline), rows[list(pipeline.feature_names_in_)]
    with threadpool_limits(limits=1):
        if family.log_odds:
            score = sigmoid(family.log_odds(pipeline[-1], pipeline[:-1].transform(features)))
        else:
            score = pipeline.predict_proba(features)[:, 1].astype(np.float64)
    return score if family.exact else np.round(score, DECIMALS)


def staged_predict(pipeline: Pipeline, rows: pd.DataFrame, points: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (size, score) as an ensemble grows, at most about `points` times; other models yield their only score."""
    family = family_of(pipeline)
    if family.growth is None:
        yield 1, predict(pipeline, rows)
        return
    columns = pipeline[:-1].transform(rows[list(pipeline.feature_names_in_)])
    steps, scores = family.growth(pipeline[-1], columns)
    every = max(1, steps // points)
    for size, score in enumerate(scores, 1):
        if size % every == 0 or size == steps:
            yield size, score if family.exact else np.round(score, DECIMALS)
