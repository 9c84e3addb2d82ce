"""Look behind the figures: slices, groups of people, training seeds and age. Fails where groups differ too much.

Reads   models/model.joblib, models/decision.json, data/splits/train.parquet and test.parquet,
        data/scores/test.parquet, data/features/features.parquet
Writes  metrics/audit/: audit.json, slices.json, fairness.json, stability.json, slices.csv, fairness.csv, staleness.csv
"""

from typing import Any

import joblib

from lifecycle.audit import ageing, fairness, slices
from lifecycle.audit.fairness import check_fairness
from lifecycle.audit.headline import headline
from lifecycle.core.errors import run
from lifecycle.core.params import Params, load_params
from lifecycle.core.tables import first_and_last, read_json, read_table, write_csv, write_json
from lifecycle.evaluation.figures import Figures, figures_of
from lifecycle.evaluation.scored_window import decided, judge
from lifecycle.models.families import predict
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY, lengths, plan

FEATURES = "data/features/features.parquet"


def over_seeds(params: Params, problem: Problem, decision: dict) -> dict[str, Any]:
    """Return the figures of the test window for the model on file and for models of other training seeds."""
    limits, test = fill(params.evaluate, problem, "evaluate"), read_table("data/splits/test.parquet")
    days = lengths(fill(params.split, problem, "split"))[2] / DAY

    def figures(model: Any) -> Figures:
        scores = predict(model, test[list(model.feature_names_in_)])
        judged = judge(decided(test, scores, decision, problem), decision, problem, limits.rule_amount)
        return figures_of(judged, decision["cost_false_positive"], limits.top_k, days)(None)

    first, train = joblib.load("models/model.joblib"), read_table("data/splits/train.parquet")
    return ageing.over_seeds(params.train, problem, train, (params.audit.more_seeds, first), figures)


def age(params: Params, problem: Problem) -> ageing.Aged:
    """Train on an early window, and judge that model on the windows that follow, up to the test window."""
    split, options = fill(params.split, problem, "split"), params.audit
    ends = first_and_last(FEATURES, problem.time)
    windows = ageing.windows_of_age(split, plan(split, *ends)[-1], ends[0], options.ageing_windows)
    reach = [(problem.time, ">=", windows[0].train_start), (problem.time, "<", windows[-1].test_end)]
    parts, scores = ageing.grow_old(
        read_table(FEATURES, where=reach), windows, problem, params.train, bool(split.drop_known_entities)
    )
    return ageing.staleness(parts, windows, problem, scores, (options.samples, options.seed))


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, options = load_problem(params.problem), params.audit
    decision, scored = read_json("models/decision.json"), read_table("data/scores/test.parquet")
    judged, draws = judge(scored, decision, problem, None), (options.samples, options.seed)
    sliced = slices.slice_figures(judged, scored, problem.slices, decision["cost_false_positive"], draws)
    audited = fairness.audit(judged, scored, problem.groups, draws)
    seeds, aged = over_seeds(params, problem, decision), age(params, problem)
    few = options.min_positives
    write_csv(slices.as_table(sliced, few), "metrics/audit/slices.csv")
    write_csv(fairness.as_table(audited, few), "metrics/audit/fairness.csv")
    write_csv(aged.table, "metrics/audit/staleness.csv")
    write_json(slices.as_json(sliced, few), "metrics/audit/slices.json")
    write_json(fairness.as_json(audited, few), "metrics/audit/fairness.json")
    write_json(ageing.as_json(seeds, aged), "metrics/audit/stability.json")
    write_json({"audit": headline(sliced, audited, seeds, aged, few)}, "metrics/audit/audit.json")
    check_fairness(audited, options)


if __name__ == "__main__":
    run(main)
