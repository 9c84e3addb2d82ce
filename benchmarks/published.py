"""Show that the simulated benchmark is the published one, row by row, and what it costs to make.

Run from the repository root, with the published raw table as one parquet file (columns TRANSACTION_ID, TX_DATETIME,
CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT, TX_FRAUD, TX_FRAUD_SCENARIO):

    python benchmarks/published.py PATH

Prints CPU seconds (user and system, children included), rows, frauds, rows equal, and per column the rows that are
equal but for it. Rows are compared as a set: the published order of rows that share a second is arbitrary, and with it
their TRANSACTION_ID, which is left out. Exits with 1 when a row differs.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.protocol import simulated, timed
from lifecycle.core.errors import PipelineError, run
from lifecycle.problem.loading import load_problem
from lifecycle.sources.files import read_file

COMPARED = ["tx_time", "customer_id", "terminal_id", "amount", "is_fraud", "fraud_scenario"]


class Comparison(NamedTuple):
    """How two tables differ."""

    equal: int  # rows of the first with a counterpart in the second
    only_first: int
    only_second: int
    differing: dict[str, int]  # by column: rows without a counterpart that would have one but for this column


def compare(first: pd.DataFrame, second: pd.DataFrame) -> Comparison:
    """Compare two tables as multisets of rows, by the columns `COMPARED`."""
    mine, theirs = unmatched(first, second, COMPARED)
    differing = {
        name: len(mine) - len(unmatched(mine, theirs, [other for other in COMPARED if other != name])[0])
        for name in COMPARED
    }
    return Comparison(len(first) - len(mine), len(mine), len(theirs), differing)


def unmatched(first: pd.DataFrame, second: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of either table that the other lacks; of rows that stand twice, each needs its own match."""
    sides = [table.assign(copy=table.groupby(names, sort=False).cumcount()) for table in (first, second)]
    both = pd.concat([side[[*names, "copy"]] for side in sides], ignore_index=True)
    lone = ~both.duplicated(keep=False).to_numpy()
    return first[lone[: len(first)]], second[lone[len(first) :]]


def check(found: Comparison) -> None:
    """Raise a PipelineError when a row of either table is not in the other."""
    if found.only_first or found.only_second:
        raise PipelineError(
            f"{found.only_first:,} simulated and {found.only_second:,} published rows have no counterpart"
        )


def main(path: str) -> None:
    """Simulate, read, compare and print."""
    problem = load_problem("transactions")
    own, seconds = timed(lambda: simulated(problem))
    published = read_file(path, problem).to_pandas()
    found = compare(own, published)
    print(f"simulated in {seconds:.2f} CPU-seconds")
    for name, table in (("simulated", own), ("published", published)):
        print(f"{name:<10}{len(table):>10,} rows{int(table['is_fraud'].sum()):>8,} frauds")
    print(f"{'equal':<10}{found.equal:>10,} rows")
    print("rows that differ, by column:", ", ".join(f"{name} {rows:,}" for name, rows in found.differing.items()))
    check(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the simulated benchmark with the published table.")
    parser.add_argument("path", help="the published raw table, one parquet file")
    arguments = parser.parse_args()
    run(lambda: main(arguments.path))
