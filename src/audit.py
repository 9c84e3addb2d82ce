"""Audit the model: figures by slice and group of people, over seeds and with age. Fails where groups differ too much.

Reads   models/model.joblib, models/decision.json, data/splits/train.parquet and test.parquet,
        data/scores/test.parquet, data/features/features.parquet
Writes  metrics/audit/: audit.json, slices.json, fairness.json, stability.json, warnings.json, slices.csv,
        fairness.csv, staleness.csv
"""

import sys
from collections.abc import Mapping
from typing import Any

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import joblib

from lifecycle.audit import fairness, slices, stability
from lifecycle.audit.group_metrics import FiguresByCut
from lifecycle.core.errors import run
from lifecycle.core.params import Params, load_params
from lifecycle.core.tables import first_and_last, read_table, write_csv, write_json, write_warnings
from lifecycle.core.value_limits import none_if_nan
from lifecycle.evaluation.metrics import Figures
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.models.prediction import predict
from lifecycle.problem.loading import fill, load_problem
from lifecycle.splits.time_windows import plan, timing

FEATURES = "data/features/features.parquet"


def over_seeds(params: Params, task: Task, days: float | None) -> dict[str, Any]:
    """Return the figures of the test window for the model on file and for models of other training seeds."""
    problem, decision = task.problem, task.read_decision()
    options, test = fill(params.evaluate, problem, "evaluate"), read_table("data/splits/test.parquet")

    def on_test_window(model: Any) -> Figures:
        scored = task.score_table(test, predict(model, test[list(model.feature_names_in_)]), decision)
        return task.figures(task.window(scored, decision, options, days))

    model, train = joblib.load("models/model.joblib"), read_table("data/splits/train.parquet")
    return stability.over_seeds(params.train, problem, train, (params.audit.more_seeds, model), on_test_window)


def age(params: Params, task: Task) -> stability.Ageing:
    """Train on an early window, and score the windows that follow with that model, up to the test window."""
    problem = task.problem
    split, options = fill(params.split, problem, "split"), params.audit
    if split.strategy != "time":
        return stability.no_ageing(task)
    ends = first_and_last(FEATURES, problem.time_column)
    windows = stability.windows_of_age(split, plan(split, *ends)[-1], ends[0], options.ageing_windows)
    reach = [(problem.time, ">=", windows[0].train_start), (problem.time, "<", windows[-1].test_end)]
    records, drop_known = read_table(FEATURES, where=reach), bool(split.drop_known_entities)
    scored = stability.score_windows(records, windows, problem, params.train, drop_known)
    return stability.ageing(scored, task, (options.samples, options.seed))


def key_figures(
    task: Task,
    by_slice: FiguresByCut,
    by_group: FiguresByCut,
    seeds: Mapping[str, Any],
    with_age: stability.Ageing,
    least: int,
) -> dict[str, Any]:
    """Return the few figures that are compared from one version of the model to the next; None where not defined."""
    figure = fairness.compared(task)
    return {
        f"worst_slice_{task.headline}": none_if_nan(slices.worst_headline(by_slice, least)),
        f"largest_{figure}_difference": fairness.largest_difference(by_group, figure, least),
        f"seed_spread_{task.headline}": stability.spread(seeds["figures"][task.headline]),
        f"{task.headline}_per_window_of_age": none_if_nan(with_age.slope[0]),
    }


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    options, task = fill(params.audit, problem, "audit"), task_of(problem)
    decision = task.read_decision()
    scored, draws = read_table("data/scores/test.parquet"), (options.samples, options.seed)
    days = timing(fill(params.split, problem, "split")).window_days
    window = task.window(scored, decision, fill(params.evaluate, problem, "evaluate"), days)
    by_slice = slices.slice_figures(task, window, scored, problem.slices, draws)
    by_group = fairness.audit(task, window, scored, problem.groups, draws)
    seeds, with_age = over_seeds(params, task, days), age(params, task)
    least = options.min_positives
    write_csv(slices.as_table(by_slice, least), "metrics/audit/slices.csv")
    write_csv(fairness.as_table(task, by_group, least), "metrics/audit/fairness.csv")
    write_csv(with_age.table, "metrics/audit/staleness.csv")
    write_json(slices.as_json(by_slice, least), "metrics/audit/slices.json")
    write_json(fairness.as_json(by_group, least), "metrics/audit/fairness.json")
    write_json(stability.as_json(seeds, with_age), "metrics/audit/stability.json")
    write_json({"audit": key_figures(task, by_slice, by_group, seeds, with_age, least)}, "metrics/audit/audit.json")
    write_warnings("audit", fairness.not_judged(task, by_group, options))
    fairness.check_fairness(task, by_group, options)


if __name__ == "__main__":
    run(main)
