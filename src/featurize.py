"""Compute the problem's feature list.

Reads   data/validated/records.parquet
Writes  data/features/features.parquet: the records, with one column per feature
"""

import pandas as pd

from lifecycle.features.batch import evaluate
from lifecycle.io import read_table, write_table
from lifecycle.params import load_params
from lifecycle.problem import load_problem
from lifecycle.stage import run


def main() -> None:
    """Run the stage."""
    problem = load_problem(load_params().problem)
    records = read_table("data/validated/records.parquet")
    features = evaluate(problem.features, records, problem.time, problem.decimals)
    columns = {name: records[name] for name in records} | {name: features[name] for name in features}
    write_table(pd.DataFrame(columns, copy=False), "data/features/features.parquet")


if __name__ == "__main__":
    run(main)
