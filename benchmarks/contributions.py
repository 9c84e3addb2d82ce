"""What the model relies on, and what each of its features costs.

Not run by itself: `python benchmarks/prequential.py` prints it.
"""

import functools
from collections.abc import Sequence

import pandas as pd

from benchmarks.protocol import PUBLISHED, TEST_STARTS, Model, cut, fitted, needed, timed
from lifecycle.core.params import EvaluateParams
from lifecycle.explanation.importance import permutation_importance
from lifecycle.features.batch import evaluate
from lifecycle.models.prediction import predict
from lifecycle.problem.problem import Problem
from lifecycle.problem.window_words import Feature

ROUNDS = 3


def cost(features: Sequence[Feature], records: pd.DataFrame, problem: Problem) -> float:
    """Return CPU microseconds per record of computing these features: the least of some rounds."""
    rounds = [
        timed(lambda: evaluate(features, records, problem.time_column, problem.decimals))[1] for _ in range(ROUNDS)
    ]
    return min(rounds) / len(records) * 1e6


def costs(problem: Problem, records: pd.DataFrame) -> pd.DataFrame:
    """Return by column: cost of a feature with all that it is made from, and what it adds to the cost of that."""
    made_from = {
        feature: tuple(needed(problem.features[:place], feature.reads))
        for place, feature in enumerate(problem.features)
    }
    lists = {*made_from.values(), *((*below, feature) for feature, below in made_from.items())}
    spent = {features: cost(features, records, problem) for features in lists}
    found: dict[str, tuple[float, float]] = {}
    for feature, below in made_from.items():
        alone = spent[(*below, feature)]
        found |= dict.fromkeys(feature.names, (alone, max(alone - spent[below], 0.0)))
    return pd.DataFrame.from_dict(found, orient="index", columns=["alone", "added"])


def contributions(
    table: pd.DataFrame, problem: Problem, names: list[str], model: Model, options: EvaluateParams
) -> str:
    """Return importance and cost of each feature, as text.

    Parameters
    ----------
    table : pandas.DataFrame
        The records with all features.
    problem : Problem
        Its feature list.
    names : list of str
        What the model sees.
    model : Model
        Fitted on the training week of chapter 3; its test week is shuffled.
    options : EvaluateParams
        Number and seed of the resamples.
    """
    train, test = cut(table, problem, TEST_STARTS[0])
    pipeline, _ = fitted(train, problem, names, model)
    target, (card, _) = test[problem.target].to_numpy(), pd.factorize(test[problem.entity])
    draws = options.bootstrap_samples, options.seed
    score = functools.partial(predict, pipeline)
    importance = permutation_importance(score, test[names], target, problem.task, card, draws)
    lines = costs(problem, table).join(importance.set_index("feature"))[["importance", "low", "high", "alone", "added"]]
    scoring = min(timed(lambda: predict(pipeline, test[names]))[1] for _ in range(ROUNDS)) / len(test) * 1e6
    parts = {"the model's features": needed(problem.features, names), "the list": problem.features}
    totals = {name: cost(part, table, problem) for name, part in (parts | {"the published": PUBLISHED}).items()}
    return (
        "Loss of average precision when a feature is shuffled (95 % interval by card, the week of chapter 3), and\n"
        "CPU microseconds per record to compute it: with what it is made from, and added to the cost of that\n"
        f"{lines.to_string(float_format='{:.3f}'.format, na_rep='')}\n"
        + "".join(f"{name} {spent:.2f}, " for name, spent in totals.items())
        + f"scoring {scoring:.2f} CPU microseconds per record"
    )
