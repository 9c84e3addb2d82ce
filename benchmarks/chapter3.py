"""Show that features, splits, estimators and metrics give the published figures of chapter 3.

Run from the repository root:

    python benchmarks/chapter3.py

The protocol of Le Borgne et al. (2022), chapter 3: learn from 2018-07-25 to 31, wait a week for labels, test on
2018-08-08 to 14 without the cards known as compromised, by the fifteen published features. Prints published and own
figures side by side, and exits with 1 when one is off by more than .01.
"""

import sys
from pathlib import Path

import pandas as pd

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.protocol import PUBLISHED, TEST_STARTS, Model, cut, judge, simulated, with_features
from lifecycle.core.errors import PipelineError, run
from lifecycle.problem.loading import load_problem

TOLERANCE = 0.01
METRICS = ("AUC ROC", "average precision", "card precision@100")
ROWS = {"train": (67_240, 598), "test": (58_264, 385)}  # published: rows and frauds
# What the models of the time had as defaults is spelled out: a default may change.
MODELS = {
    "logistic regression": (Model("logistic_regression", {"C": 1.0}), (0.871, 0.606, 0.291)),
    "decision tree, depth 2": (Model("decision_tree", {"max_depth": 2}), (0.763, 0.496, 0.241)),
    "decision tree, unlimited": (Model("decision_tree", {"max_depth": None}), (0.788, 0.309, 0.243)),
    "random forest": (Model("random_forest", {"n_estimators": 100, "max_features": "sqrt"}), (0.867, 0.658, 0.287)),
}


def side_by_side(found: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    """Return published figure, own figure and difference for each model and metric.

    Parameters
    ----------
    found : dict of str to tuple of three floats
        By name of the model: its figures, in the order of `METRICS`.
    """
    index = pd.MultiIndex.from_product([list(found), METRICS], names=["model", "metric"])
    published = [figure for name in found for figure in MODELS[name][1]]
    own = [figure for figures in found.values() for figure in figures]
    table = pd.DataFrame({"published": published, "own": own}, index=index)
    return table.assign(difference=table["own"] - table["published"])


def check(table: pd.DataFrame) -> None:
    """Raise a PipelineError that names each figure that is off by more than `TOLERANCE`, or undefined."""
    off = table[~(table["difference"].abs() <= TOLERANCE)]
    if len(off):
        names = "; ".join(f"{model}: {metric}" for model, metric in off.index)
        raise PipelineError(f"off by more than {TOLERANCE:g}: {names}")


def main() -> None:
    """Fit and judge the four models, and print."""
    problem = load_problem("transactions")
    names = [name for feature in PUBLISHED for name in feature.names]
    train, test = cut(with_features(simulated(problem), problem, PUBLISHED), problem, TEST_STARTS[0])
    for part, rows in (("train", train), ("test", test)):
        frauds, (known, known_frauds) = int(rows[problem.target].sum()), ROWS[part]
        print(f"{part:<6}{len(rows):,} rows, {frauds:,} frauds (published: {known:,} and {known_frauds:,})")
    found = {name: judge(train, test, problem, names, model)[:3] for name, (model, _) in MODELS.items()}
    table = side_by_side(found)
    largest = table["difference"].abs().groupby("metric", sort=False).max().to_frame("largest difference")
    print(f"\n{table.to_string(float_format='{:.4f}'.format)}\n\n{largest.to_string(float_format='{:.4f}'.format)}")
    check(table)


if __name__ == "__main__":
    run(main)
