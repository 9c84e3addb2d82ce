"""Look behind the figures: slices, groups of people, training seeds and age. Fails where groups differ too much.

Reads   models/model.joblib, models/decision.json, data/splits/train.parquet and test.parquet,
        data/scores/test.parquet, data/features/features.parquet
Writes  metrics/audit.json, metrics/slices.json, metrics/fairness.json, metrics/stability.json,
        metrics/plots/slices.csv, fairness.csv and staleness.csv
"""

from typing import Any

import joblib

from lifecycle.io import first_and_last, read_json, read_table, write_csv, write_json
from lifecycle.model import ageing, fairness, slices, stability
from lifecycle.model.decided import decided
from lifecycle.model.estimators import predict
from lifecycle.model.evaluation import Figures, figures_of
from lifecycle.model.fairness_gates import check_fairness
from lifecycle.model.headline import headline
from lifecycle.model.judged import judge
from lifecycle.model.splits import DAY, lengths, plan
from lifecycle.params import Params, load_params
from lifecycle.problem import Problem, fill, load_problem
from lifecycle.stage import run

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
    return stability.over_seeds(params.train, problem, train, (params.audit.more_seeds, first), figures)


def age(params: Params, problem: Problem) -> ageing.Aged:
    """Train on an early window, and judge that model on the windows that follow, up to the test window."""
    split, options = fill(params.split, problem, "split"), params.audit
    ends = first_and_last(FEATURES, problem.time)
    windows = ageing.windows_of_age(split, plan(split, *ends)[-1], ends[0], options.ageing_windows)
    reach = [(problem.time, ">=", windows[0].train_start), (problem.time, "<", windows[-1].test_end)]
    parts, scores = ageing.grow_old(
        read_table(FEATURES, where=reach), windows, problem, params.train, split.drop_compromised_cards
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
    write_csv(slices.as_table(sliced, few), "metrics/plots/slices.csv")
    write_csv(fairness.as_table(audited, few), "metrics/plots/fairness.csv")
    write_csv(aged.table, "metrics/plots/staleness.csv")
    write_json(slices.as_json(sliced, few), "metrics/slices.json")
    write_json(fairness.as_json(audited, few), "metrics/fairness.json")
    write_json(stability.as_json(seeds, aged), "metrics/stability.json")
    write_json({"audit": headline(sliced, audited, seeds, aged, few)}, "metrics/audit.json")
    check_fairness(audited, options)


if __name__ == "__main__":
    run(main)
