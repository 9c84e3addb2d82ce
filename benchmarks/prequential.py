"""Show the model of params.yaml in the published prequential test, beside the best published figures.

Run from the repository root:

    python benchmarks/prequential.py

The protocol of Le Borgne et al. (2022), chapter 5: four test weeks, each judged by a model of the seven days that end
seven days before it. The features are the problem's own. Prints figures and CPU seconds (user and system) of the fit.
"""

import sys
from pathlib import Path
from statistics import fmean

import pandas as pd

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.protocol import Model, Outcome, cut, judge, simulated, with_features
from lifecycle.model.scoring import feature_names
from lifecycle.params import TrainParams, load_params
from lifecycle.problem import Problem, load_problem
from lifecycle.stage import run

TEST_STARTS = ("2018-08-08", "2018-08-15", "2018-08-22", "2018-08-29")
METRICS = ["AUC ROC", "average precision", "card precision@100", "fit CPU-seconds"]
PUBLISHED = {
    "random forest": (0.870, 0.678, 0.299),
    "XGBoost": (0.869, 0.687, 0.303),
    "feed-forward network": (0.876, 0.675, 0.303),
    "LSTM": (0.876, 0.665, 0.297),
}


def outcomes(records: pd.DataFrame, problem: Problem, params: TrainParams) -> dict[str, Outcome]:
    """Return what the model of `params` reaches, by first day of the test week."""
    table = with_features(records, problem, list(problem.features))
    model = Model(params.model, params.hyperparameters, params.seed)
    names = feature_names(problem, params)
    return {start: judge(*cut(table, problem, start), problem, names, model) for start in TEST_STARTS}


def beside_published(own: dict[str, Outcome], label: str) -> pd.DataFrame:
    """Return one row per test week, their mean under `label`, and the published means."""
    weeks = pd.DataFrame.from_dict(own, orient="index").set_axis(METRICS, axis="columns")
    published = pd.DataFrame.from_dict(PUBLISHED, orient="index", columns=METRICS[:3])
    return pd.concat([weeks, weeks.mean().to_frame(label).T, published.rename("published: {}".format)])


def main() -> None:
    """Fit and judge the four folds, and print."""
    params = load_params()
    problem = load_problem("transactions")  # the protocol is the benchmark's, whatever params.yaml is set to
    found = outcomes(simulated(problem), problem, params.train)
    table = beside_published(found, f"mean, {params.train.model}")
    print(table.to_string(float_format="{:.3f}".format, na_rep=""))
    own = fmean(outcome.average_precision for outcome in found.values())
    best = max(average_precision for _, average_precision, _ in PUBLISHED.values())
    print(f"\nmean average precision {own:.3f}; the best published one is {best:.3f}, {own - best:+.3f}")


if __name__ == "__main__":
    run(main)
