"""Check the records against the problem's contract; fail when too many break it.

Reads   data/raw/records.parquet
Writes  data/validated/records.parquet (typed, in time order), data/quarantine/rejected.parquet (row and reason),
        metrics/validate/data_quality.json
"""

import sys

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import pandas as pd

from lifecycle.contract.row_validation import Verdict, check
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import ValidateParams, load_params
from lifecycle.core.tables import read_arrow, write_json, write_table
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

QUARANTINE = "data/quarantine/rejected.parquet"


def summarise(verdict: Verdict, problem: Problem) -> dict[str, dict[str, object]]:
    """Return the figures of metrics/validate/data_quality.json."""
    kept, rejected = len(verdict.kept), len(verdict.rejected)
    rows = {
        "rows_in": kept + rejected,
        "rows_kept": kept,
        "rows_rejected": rejected,
        "rows_out_of_order": verdict.out_of_order,
    }
    data = rows | _target_counts(verdict.kept[problem.target], problem) | _ends(verdict.kept, problem)
    return {"data": data, "failed_checks": dict(verdict.failed)}


def _target_counts(target: pd.Series, problem: Problem) -> dict[str, object]:
    """Return the number of positives, or of the records of each class; nothing of a number to predict."""
    if problem.task == "binary":
        return {"positives": int(target.sum())}
    of_code = target.value_counts()
    counts = {label: int(of_code.get(code, 0)) for code, label in enumerate(problem.class_names)}
    return {"classes": counts} if counts else {}


def _ends(kept: pd.DataFrame, problem: Problem) -> dict[str, object]:
    """Return the times of the oldest and the newest record; nothing where records have none."""
    if problem.time is None:
        return {}
    times = kept[problem.time]
    first, last = (None if times.empty else times.iloc[place].isoformat() for place in (0, -1))
    return {"first": first, "last": last}


def find_faults(verdict: Verdict, problem: Problem, params: ValidateParams) -> list[str]:
    """Return what is wrong with the table as a whole, in words."""
    kept, rejected = len(verdict.kept), len(verdict.rejected)
    faults = []
    if kept == 0 or rejected > params.max_rejected_share * (kept + rejected):
        checks = "".join(f"\n    {rows:,} x {name}; {verdict.examples[name]}" for name, rows in verdict.failed.items())
        faults.append(
            f"{rejected:,} of {kept + rejected:,} rows break the contract, more than validate.max_rejected_share ="
            f" {params.max_rejected_share:g} allows; {QUARANTINE} has them with their reasons:{checks}"
        )
    if not params.sort and verdict.out_of_order > params.max_out_of_order_share * kept:
        faults.append(
            f"{verdict.out_of_order:,} of {kept:,} rows are earlier than a row before them, more than"
            f" validate.max_out_of_order_share = {params.max_out_of_order_share:g} allows; sort the source by"
            f" {problem.time}, or set validate.sort: true if its order means nothing"
        )
    if kept and len(classes := verdict.kept[problem.target].unique()) < 2:
        label = problem.classes[classes[0]] if problem.classes else classes[0]
        faults.append(f"column {problem.target}: every row has the label {label}; nothing can be learned")
    if kept and params.as_of is not None:
        age = pd.Timestamp(params.as_of) + pd.Timedelta(days=1) - verdict.kept[problem.time_column].iloc[-1]
        if age > pd.Timedelta(days=params.max_age_days):
            faults.append(
                f"the newest record is {age / pd.Timedelta(days=1):.1f} days old at the end of {params.as_of}, more"
                f" than validate.max_age_days = {params.max_age_days:g}"
            )
    return faults


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    verdict = check(read_arrow("data/raw/records.parquet"), problem, params.validate_.as_of)
    write_table(verdict.rejected, QUARANTINE)
    write_json(summarise(verdict, problem), "metrics/validate/data_quality.json")
    faults = find_faults(verdict, problem, params.validate_)
    if faults:
        raise PipelineError("validate:\n  " + "\n  ".join(faults))
    write_table(verdict.kept, "data/validated/records.parquet")


if __name__ == "__main__":
    run(main)
