"""Turn scores into decisions, by validation scores alone: calibration and threshold, or the width of an interval.

Reads   data/scores/validation.parquet
Writes  models/decision.json, metrics/decide/: decision.json and a table for plots
"""

import sys

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_json
from lifecycle.evaluation.plot_tables import write_tables
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.loading import fill, load_problem
from lifecycle.splits.time_windows import timing


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    scores, options = read_table("data/scores/validation.parquet"), fill(params.decide, problem, "decide")
    chosen = task_of(problem).choose(scores, options, timing(fill(params.split, problem, "split")))
    write_json(chosen.decision.as_json(), "models/decision.json")
    write_json({"decision": chosen.figures}, "metrics/decide/decision.json")
    write_tables(chosen.tables, "metrics/decide")


if __name__ == "__main__":
    run(main)
