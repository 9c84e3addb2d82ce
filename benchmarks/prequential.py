"""Show the model of params.yaml in the published prequential test, and what each of its features is worth.

Run from the repository root; it takes three and a half CPU-minutes:

    python benchmarks/prequential.py

The protocol of Le Borgne et al. (2022), chapter 5: four test weeks, each judged by a model of the seven days that end
seven days before it. Prints
1. the figures of the four weeks, beside the best published ones; average precision with its 95 % interval by card,
   and its mean with other seeds. Seconds are CPU seconds, user and system;
2. the same without some of the features, or with the published ones (benchmarks/ablation.py);
3. what the model relies on, and what each feature costs (benchmarks/contributions.py).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.ablation import ablation, with_all_features
from benchmarks.contributions import contributions
from benchmarks.protocol import TEST_STARTS, Model, cut, figures, fitted, judge, simulated
from lifecycle.core.errors import run
from lifecycle.core.params import EvaluateParams, load_params
from lifecycle.core.ranking import Ranking, average_precision
from lifecycle.evaluation.bootstrap import intervals
from lifecycle.models.prediction import predict
from lifecycle.models.training import feature_names
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

METRICS = ["AUC ROC", "average precision", "card precision@100", "fit CPU-seconds"]
PUBLISHED = {
    "random forest": (0.870, 0.678, 0.299),
    "XGBoost": (0.869, 0.687, 0.303),
    "feed-forward network": (0.876, 0.675, 0.303),
    "LSTM": (0.876, 0.665, 0.297),
}
SEEDS = 3


def interval(score: np.ndarray, target: np.ndarray, card: pd.Series, options: EvaluateParams) -> tuple[float, float]:
    """Return the 95 % interval of average precision over resamples of cards."""
    ranking, (code, cards) = Ranking(target, score), pd.factorize(card)

    def resampled(copies: np.ndarray | None) -> dict[str, float]:
        weight = None if copies is None else copies[code].astype(np.float64)
        return {"average precision": average_precision(*ranking.counts(weight))}

    low, high = intervals(resampled, len(cards), options.bootstrap_samples, options.seed)["average precision"]
    return low, high


def week(
    table: pd.DataFrame, start: str, problem: Problem, names: list[str], model: Model, options: EvaluateParams
) -> dict[str, float]:
    """Return the figures of the test week that begins on `start`, and the interval of average precision."""
    train, test = cut(table, problem, start)
    pipeline, seconds = fitted(train, problem, names, model)
    score = predict(pipeline, test[names])
    low, high = interval(score, test[problem.target].to_numpy(), test[str(problem.entity)], options)
    found = dict(zip(METRICS, figures(pipeline, seconds, test, problem, names), strict=True))
    return found | {"low": low, "high": high}


def beside_published(own: dict[str, dict[str, float]], label: str) -> pd.DataFrame:
    """Return one row per test week, chapter 3's marked, their mean under `label`, and the published means."""
    weeks = pd.DataFrame.from_dict(own, orient="index")[[*METRICS[:2], "low", "high", *METRICS[2:]]]
    mean = weeks[METRICS].mean().to_frame(label).T
    published = pd.DataFrame.from_dict(PUBLISHED, orient="index", columns=METRICS[:3])
    table = pd.concat([weeks, mean, published.rename("published: {}".format)])
    return table.rename({TEST_STARTS[0]: f"{TEST_STARTS[0]} (chapter 3)"})


def mean_precision(table: pd.DataFrame, problem: Problem, names: list[str], model: Model) -> float:
    """Return the mean average precision of the four weeks."""
    found = [judge(*cut(table, problem, start), problem, names, model) for start in TEST_STARTS]
    return float(np.mean([outcome.average_precision for outcome in found]))


def main() -> None:
    """Fit and judge the four folds, take the model apart, and print."""
    params = load_params()
    problem = load_problem("transactions")  # the protocol is the benchmark's, whatever params.yaml is set to
    model = Model(params.train.model, params.train.hyperparameters, params.train.seed)
    names = feature_names(problem, params.train)
    table = with_all_features(simulated(problem), problem)
    found = {start: week(table, start, problem, names, model, params.evaluate) for start in TEST_STARTS}
    weeks = beside_published(found, f"mean, {model.family}")
    print(weeks.to_string(float_format="{:.3f}".format, na_rep=""))
    own, best = weeks["average precision"].iloc[len(found)], max(figures[1] for figures in PUBLISHED.values())
    others = [model._replace(seed=model.seed + i) for i in range(1, SEEDS)]
    seeds = [own, *(mean_precision(table, problem, names, other) for other in others)]
    print(f"\nmean average precision {own:.4f}; with {SEEDS} seeds {min(seeds):.4f} to {max(seeds):.4f}", end="; ")
    print(f"the best published one is {best:.3f}, {own - best:+.3f}")
    print(f"\nMean average precision of the validation and the test weeks\n{ablation(table, problem, names, model)}")
    print(f"\n{contributions(table, problem, names, model, params.evaluate)}")


if __name__ == "__main__":
    run(main)
