"""Audit the model: figures by slice and group of people, over seeds and with age. Fails where groups differ too much.

Reads   models/model.joblib, models/decision.json, data/splits/train.parquet and test.parquet,
        data/scores/test.parquet, data/features/features.parquet
Writes  metrics/audit/: audit.json, slices.json, fairness.json, stability.json, slices.csv, fairness.csv, staleness.csv
"""

import sys
from collections.abc import Mapping
from typing import Any

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib

from lifecycle.audit import fairness, slices, stability
from lifecycle.audit.group_metrics import FiguresByCut
from lifecycle.core.errors import run
from lifecycle.core.numeric_limits import none_if_nan
from lifecycle.core.params import Params, load_params
from lifecycle.core.tables import first_and_last, read_table, write_csv, write_json
from lifecycle.evaluation.decision import Decision
from lifecycle.evaluation.metrics import Figures, figures
from lifecycle.evaluation.scored_window import score_table, scored_window
from lifecycle.models.families import predict
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, lengths, plan

FEATURES = "data/features/features.parquet"


def over_seeds(params: Params, problem: Problem, decision: Decision) -> dict[str, Any]:
    """Return the figures of the test window for the model on file and for models of other training seeds."""
    options, test = fill(params.evaluate, problem, "evaluate"), read_table("data/splits/test.parquet")
    days = lengths(fill(params.split, problem, "split"))[2] / DAY

    def on_test_window(model: Any) -> Figures:
        scored = score_table(test, predict(model, test[list(model.feature_names_in_)]), problem, decision)
        return figures(scored_window(scored, problem, decision, options, days))

    model, train = joblib.load("models/model.joblib"), read_table("data/splits/train.parquet")
    return stability.over_seeds(params.train, problem, train, (params.audit.more_seeds, model), on_test_window)


def age(params: Params, problem: Problem) -> stability.Ageing:
    """Train on an early window, and score the windows that follow with that model, up to the test window."""
    split, options = fill(params.split, problem, "split"), params.audit
    ends = first_and_last(FEATURES, problem.time)
    windows = stability.windows_of_age(split, plan(split, *ends)[-1], ends[0], options.ageing_windows)
    reach = [(problem.time, ">=", windows[0].train_start), (problem.time, "<", windows[-1].test_end)]
    records, drop_known = read_table(FEATURES, where=reach), bool(split.drop_known_entities)
    scored = stability.score_windows(records, windows, problem, params.train, drop_known)
    return stability.ageing(scored, problem, (options.samples, options.seed))


def key_figures(
    by_slice: FiguresByCut,
    by_group: FiguresByCut,
    seeds: Mapping[str, Any],
    with_age: stability.Ageing,
    min_positives: int,
) -> dict[str, Any]:
    """Return the few figures that are compared from one version of the model to the next; None where not defined."""
    return {
        "worst_slice_average_precision": none_if_nan(slices.worst_average_precision(by_slice, min_positives)),
        "largest_recall_difference": fairness.largest_recall_difference(by_group, min_positives),
        "seed_spread_average_precision": stability.spread(seeds["figures"]["average_precision"]),
        "average_precision_per_window_of_age": none_if_nan(with_age.slope[0]),
    }


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, options, decision = load_problem(params.problem), params.audit, Decision.read()
    scored, draws = read_table("data/scores/test.parquet"), (options.samples, options.seed)
    days = lengths(fill(params.split, problem, "split"))[2] / DAY
    window = scored_window(scored, problem, decision, fill(params.evaluate, problem, "evaluate"), days)
    by_slice = slices.slice_figures(window, scored, problem.slices, draws)
    by_group = fairness.audit(window, scored, problem.groups, draws)
    seeds, with_age = over_seeds(params, problem, decision), age(params, problem)
    least = options.min_positives
    write_csv(slices.as_table(by_slice, least), "metrics/audit/slices.csv")
    write_csv(fairness.as_table(by_group, least), "metrics/audit/fairness.csv")
    write_csv(with_age.table, "metrics/audit/staleness.csv")
    write_json(slices.as_json(by_slice, least), "metrics/audit/slices.json")
    write_json(fairness.as_json(by_group, least), "metrics/audit/fairness.json")
    write_json(stability.as_json(seeds, with_age), "metrics/audit/stability.json")
    write_json({"audit": key_figures(by_slice, by_group, seeds, with_age, least)}, "metrics/audit/audit.json")
    fairness.check_fairness(by_group, options)


if __name__ == "__main__":
    run(main)
