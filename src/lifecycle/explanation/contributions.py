"""Exact additive contributions of a fitted pipeline: base and one number per feature add up to the score.

Shapley values by the path-dependent tree algorithm (Lundberg et al. 2020): of forests and trees in units of
probability, of boosted trees in log-odds. Of a linear model coefficient times value, in log-odds. Of a number all are
in the number's own unit, and with several classes each class has contributions of its own. A family that has neither
trees nor coefficients has none.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lifecycle.core.errors import PipelineError
from lifecycle.core.portable_math import sigmoid, softmax
from lifecycle.evaluation.plot_tables import thin
from lifecycle.explanation.attribution import Attribution
from lifecycle.models.families import family_of
from lifecycle.models.preprocessing import sources

NO_CONTRIBUTIONS = (
    "A score of {family} can't be split exactly into what each feature adds: the family has neither trees nor"
    " coefficients."
)
DOTS = ["feature", "value", "level", "contribution"]  # columns of a plot; of several classes also `output`, in front


class Contributions(NamedTuple):
    """What each feature adds to the scores of each row, before calibration.

    `values` has shape (outputs, n, features): one output, or one for each of several classes. `unit` is "probability",
    "log-odds" of the score (of several classes: their softmax is the score), or "number", the score itself. `base`
    (outputs,) is the score, in that unit, of a row of which nothing is known.
    """

    names: list[str]
    values: np.ndarray
    base: tuple[float, ...]
    unit: str

    def scores(self) -> np.ndarray:
        """Return the scores that base and contributions add up to, shape (n,), or (n, classes) of several classes."""
        totals = [base + values.sum(axis=1) for base, values in zip(self.base, self.values, strict=True)]
        if len(totals) == 1:
            return sigmoid(totals[0]) if self.unit == "log-odds" else totals[0]
        stacked = np.stack(totals, axis=1)
        return softmax(stacked) if self.unit == "log-odds" else stacked


def attribution(pipeline: Pipeline) -> Attribution | None:
    """Return how to split the scores of a fitted pipeline, or None where its family has no exact contributions.

    A feature of which the preprocessing makes several columns (categories, a flag of gaps) has the sum of theirs.
    """
    names, model, family = list(pipeline.feature_names_in_), pipeline[-1], family_of(pipeline)
    source = np.array([names.index(name) for name in sources(pipeline[0])])
    if family.linear:  # scaled columns have mean 0, so the base is a row in the middle
        unit = "log-odds" if is_classifier(model) else "number"
        return Attribution(source, tuple(np.atleast_2d(model.coef_)), tuple(np.ravel(model.intercept_).tolist()), unit)
    if family.trees is None:
        return None
    ensemble = family.trees(model)
    tables = tuple(ensemble.leaves(output) for output in range(len(ensemble.base)))
    return Attribution(source, tables, tuple(float(leaves.base) for leaves in tables), ensemble.unit)


def explainer(pipeline: Pipeline) -> Callable[[pd.DataFrame], Contributions]:
    """Prepare a fitted pipeline, and return the function that explains rows; they may have more columns than features.

    Raises
    ------
    PipelineError
        The family has no exact contributions, or a tree splits in another way than by value <= threshold.
    """
    names = [str(name) for name in pipeline.feature_names_in_]
    parts = attribution(pipeline)
    if parts is None:
        raise PipelineError(NO_CONTRIBUTIONS.format(family=family_of(pipeline).name))

    def explain(rows: pd.DataFrame) -> Contributions:
        with threadpool_limits(limits=1):
            columns = np.asarray(pipeline[:-1].transform(rows[names]), dtype=np.float64)
        values = np.stack([parts.of(columns, len(names), output) for output in range(len(parts.base))])
        return Contributions(names, values, parts.base, parts.unit)

    return explain


class Summary(NamedTuple):
    """What a model has learned, feature by feature.

    `whole` is about all features: the number of rows, and unit, base and error of the contributions, or why there are
    none. `figures` is a table by feature, `dots` the table of a plot; both are empty where there are no contributions.
    `by_class` has the figures of each of several classes, and `figures` then their mean.
    """

    whole: dict[str, Any]
    figures: pd.DataFrame
    dots: pd.DataFrame
    by_class: dict[str, pd.DataFrame] = {}  # noqa: RUF012 a NamedTuple's default, which nobody changes

    def as_json(self, importance: pd.DataFrame) -> dict[str, Any]:
        """Return explanation.json: rounded, as the last bits differ between processors; what is NaN is left out."""
        features = _rounded(importance.set_index("feature").join(self.figures))
        for name, table in self.by_class.items():
            for feature, values in _rounded(table).items():
                features[feature].setdefault("by_class", {})[name] = values
        return self.whole | {"features": features}


def _rounded(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(name): {str(key): round(value, 9) for key, value in row.dropna().items()} for name, row in table.iterrows()
    }


def summary(pipeline: Pipeline, rows: pd.DataFrame, scores: np.ndarray, classes: Sequence[str] = ()) -> Summary:
    """Explain rows, and summarise their contributions, which must add up to the scores on file.

    `scores` has shape (n,), or (n, classes) of several classes, whose names are `classes`.
    """
    family = family_of(pipeline)
    if not family.has_contributions:
        why = NO_CONTRIBUTIONS.format(family=family.name)
        return Summary({"rows": len(rows), "no_contributions": why}, pd.DataFrame(), pd.DataFrame(columns=DOTS))
    explained = explainer(pipeline)(rows)
    limit = family.limit(explained.unit)
    error = additivity_error(explained, scores, limit)
    bases = [round(base, 9) for base in explained.base]
    whole = {
        "rows": len(rows),
        "unit": explained.unit,
        "base": bases if len(bases) > 1 else bases[0],
        "additivity_error": round(error, 12),
        "additivity_limit": limit,
    }
    tables = [figures(explained, rows, output) for output in range(len(bases))]
    if len(tables) == 1:
        return Summary(whole, tables[0], dots(explained, rows))
    by_class = dict(zip(classes, tables, strict=True))
    mean = np.mean([table["mean_abs_contribution"] for table in tables], axis=0)
    of_all = pd.DataFrame({"mean_abs_contribution": mean}, index=explained.names)
    parts = [dots(explained, rows, output).assign(output=name) for output, name in enumerate(classes)]
    return Summary(whole, of_all, pd.concat(parts, ignore_index=True)[["output", *DOTS]], by_class)


def additivity_error(explained: Contributions, scores: np.ndarray, limit: float) -> float:
    """Return the largest distance of the scores on file from base plus contributions; raise above a limit.

    Of numbers it is a share of the largest, which can be of any size.
    """
    largest = float(np.abs(scores).max()) if explained.unit == "number" else 0.0
    error = float(np.abs(explained.scores() - scores).max()) / (largest or 1.0)
    if not error <= limit:
        raise PipelineError(
            f"explanation: base and contributions miss the scores in data/scores/test.parquet by up to {error:.1e};"
            f" up to {limit:g} is rounding. Run `dvc repro`, so that model and scores are of one run; if it stays,"
            " this estimator can't be explained exactly"
        )
    return error


def figures(explained: Contributions, rows: pd.DataFrame, output: int = 0) -> pd.DataFrame:
    """Return each feature's mean absolute contribution to an output, and its direction.

    Returns
    -------
    pandas.DataFrame
        By feature: `mean_abs_contribution`; `direction`, the rank correlation (Spearman) of value and contribution:
        near 1 where a larger value raises the score, NaN for text and for what is always the same.
    """
    values = explained.values[output]
    directions = [_direction(rows[name], values[:, i]) for i, name in enumerate(explained.names)]
    figures = {"mean_abs_contribution": np.abs(values).mean(axis=0), "direction": directions}
    return pd.DataFrame(figures, index=explained.names)


def dots(explained: Contributions, rows: pd.DataFrame, output: int = 0) -> pd.DataFrame:
    """Return at most about 200 rows per feature, spread evenly from its least to its greatest contribution.

    Returns
    -------
    pandas.DataFrame
        `feature`, `value`, `level` (the share of the rows with a lower value; NaN for text) and `contribution`.
    """
    parts, values = [], explained.values[output]
    for i, name in enumerate(explained.names):
        order = np.argsort(values[:, i], kind="stable")
        places = order[thin(values[order, i])]
        value, level = rows[name].iloc[places], _ranks(rows[name]).iloc[places]
        shown = value.map("{:.6g}".format) if is_numeric_dtype(value) else value.astype(str)
        columns = (name, shown, level, values[places, i])
        parts.append(pd.DataFrame(dict(zip(DOTS, columns, strict=True))))
    return pd.concat(parts, ignore_index=True)


def _ranks(values: pd.Series) -> pd.Series:
    return values.rank(pct=True) if is_numeric_dtype(values) else pd.Series(np.nan, index=values.index)


def _direction(values: pd.Series, contribution: np.ndarray) -> float:
    pairs = pd.DataFrame({"value": _ranks(values), "contribution": contribution}).dropna()
    return float(pairs.rank().corr().to_numpy()[0, 1]) if len(pairs) > 1 else np.nan
