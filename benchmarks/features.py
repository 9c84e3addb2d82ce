"""Show what the fifteen published features cost, beside the same features by plain pandas.

Run from the repository root, after `dvc repro validate` or without it (then the records are simulated first):

    python benchmarks/features.py

Both sides read the records and write the features, in turn in one process; prints the least CPU seconds (user and
system, imports apart) of three rounds, rows per CPU second, and the ratio. It exits with 1 unless counts and rates are
equal and means agree to 1e-9. Rows where one customer has several payments in the same second stand apart: windows by
value let them see each other, pandas' rolling sees the rows above only.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.protocol import published_features, simulated, timed, with_features
from lifecycle.io import read_table, write_table
from lifecycle.problem import Problem, load_problem
from lifecycle.stage import PipelineError, run

VALIDATED = Path("data/validated/records.parquet")
DAYS, DELAY = (1, 7, 30), 7
ROUNDS = 3


def by_project(source: Path, target: Path, problem: Problem) -> None:
    """Do the work of `src/featurize.py`, for the published features."""
    write_table(with_features(read_table(source), problem, published_features(problem)), target)


def by_pandas(source: Path, target: Path) -> None:
    """Do the same work with groupby and rolling, on frames sorted by entity and time."""
    table = pd.read_parquet(source)
    table["is_weekend"] = (table["tx_time"].dt.day_of_week >= 5).astype(np.int8)
    table["is_night"] = (table["tx_time"].dt.hour <= 6).astype(np.int8)
    cards = table[["customer_id", "tx_time", "amount"]].sort_values("customer_id", kind="stable")
    payments = cards.groupby("customer_id")
    for days in DAYS:
        seen = payments.rolling(f"{days}D", on="tx_time")["amount"].agg(["count", "mean"]).set_axis(cards.index)
        table[f"customer_tx_count_{days}d"], table[f"customer_amount_mean_{days}d"] = seen["count"], seen["mean"]
    shops = table[["terminal_id", "tx_time", "is_fraud"]].sort_values("terminal_id", kind="stable")
    labels = shops.groupby("terminal_id")
    late = labels.rolling(f"{DELAY}D", on="tx_time")["is_fraud"].agg(["count", "sum"])
    for days in DAYS:
        all_labels = labels.rolling(f"{DELAY + days}D", on="tx_time")["is_fraud"].agg(["count", "sum"])
        seen = (all_labels - late).set_axis(shops.index)
        table[f"terminal_tx_count_{days}d"] = seen["count"]
        table[f"terminal_fraud_rate_{days}d"] = (seen["sum"] / seen["count"]).fillna(0)
    table.to_parquet(target, index=False)


def disagreements(own: pd.DataFrame, other: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return, for each row and feature, whether the two sides differ: means by more than 1e-9, the others at all."""
    tolerance = {name: 1e-9 if "_mean_" in name else 0.0 for name in names}
    return pd.DataFrame({n: ~np.isclose(own[n], other[n], 0, tolerance[n], equal_nan=True) for n in names})


def check(differ: pd.DataFrame, tied: np.ndarray) -> None:
    """Raise a PipelineError when the sides differ in a row that is not tied."""
    rows = differ[~tied].sum()
    if rows.any():
        raise PipelineError(f"the two sides differ (feature, rows): {rows[rows > 0].to_dict()}")


def main() -> None:
    """Time both sides, compare what they wrote, and print."""
    problem = load_problem("transactions")
    names = [name for feature in published_features(problem) for name in feature.names]
    with tempfile.TemporaryDirectory() as folder:
        source, own, other = VALIDATED, Path(folder, "own.parquet"), Path(folder, "other.parquet")
        if not source.is_file() or not set(problem.columns) <= set(pq.read_schema(source).names):
            source = Path(folder, "records.parquet")
            write_table(simulated(problem), source)
        sides = {"project": lambda: by_project(source, own, problem), "pandas": lambda: by_pandas(source, other)}
        rounds = [{side: timed(work)[1] for side, work in sides.items()} for _ in range(ROUNDS)]
        seconds = pd.DataFrame(rounds).min()
        left, right = pd.read_parquet(own), pd.read_parquet(other)
    tied, differ = left.duplicated(["customer_id", "tx_time"], keep=False).to_numpy(), disagreements(left, right, names)
    for side, spent in seconds.items():
        print(f"{side:<8}{spent:>7.2f} CPU-seconds{len(left) / spent:>12,.0f} rows per CPU-second")
    print(f"ratio   {seconds['pandas'] / seconds['project']:>7.1f}, {len(left):,} rows")
    print(f"apart: {tied.sum():,} tied rows, {differ[tied].any(axis=1).sum():,} of them differ")
    check(differ, tied)


if __name__ == "__main__":
    run(main)
