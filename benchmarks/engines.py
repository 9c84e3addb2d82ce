"""The fifteen published features by four engines: each reads the validated records, and writes them with the features.

`python benchmarks/features.py` runs each engine in a process of its own, with this script:

    python benchmarks/engines.py ENGINE FEW SOURCE TARGET

It does the work on a few records, so that everything is imported, and then on all of them. Prints JSON: CPU seconds of
the latter, and the peak of resident memory before and after it, MB. All engines write with lz4.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

DAYS, DELAY = (1, 7, 30), 7
DAY_US = 86_400_000_000


def by_project(source: Path, target: Path) -> None:
    """Do what `src/featurize.py` does with a table that fits into memory."""
    from benchmarks.protocol import PUBLISHED, with_features
    from lifecycle.core.tables import read_table, write_table
    from lifecycle.problem.loading import load_problem

    write_table(with_features(read_table(source), load_problem("transactions"), PUBLISHED), target)


def by_pandas(source: Path, target: Path) -> None:
    """Roll over frames sorted by entity: a window covers rows above, a late window is a difference of two."""
    import pandas as pd

    table = pd.read_parquet(source)
    table["is_weekend"] = table["tx_time"].dt.day_of_week >= 5
    table["is_night"] = table["tx_time"].dt.hour <= 6
    cards = table[["customer_id", "tx_time", "amount"]].sort_values("customer_id", kind="stable")
    payments = cards.groupby("customer_id")
    for days in DAYS:
        seen = payments.rolling(f"{days}D", on="tx_time")["amount"].agg(["count", "mean"]).set_axis(cards.index)
        table[f"customer_tx_count_{days}d"], table[f"customer_amount_mean_{days}d"] = seen["count"], seen["mean"]
    shops = table[["terminal_id", "tx_time", "is_fraud"]].sort_values("terminal_id", kind="stable")
    labels = shops.groupby("terminal_id")
    young = labels.rolling(f"{DELAY}D", on="tx_time")["is_fraud"].agg(["count", "sum"])
    for days in DAYS:
        late = labels.rolling(f"{DELAY + days}D", on="tx_time")["is_fraud"].agg(["count", "sum"]) - young
        seen = late.set_axis(shops.index)
        table[f"terminal_tx_count_{days}d"] = seen["count"]
        table[f"terminal_fraud_rate_{days}d"] = (seen["sum"] / seen["count"]).fillna(0)
    table.to_parquet(target, index=False, compression="lz4")


def by_polars(source: Path, target: Path) -> None:
    """Roll over entities by value of the time: a late window is a difference of two."""
    import polars as pl

    def total(column: str, entity: str, days: int) -> pl.Expr:
        return pl.col(column).rolling_sum_by("tx_time", f"{days}d").over(entity)

    time, columns = pl.col("tx_time"), {}
    for days in DAYS:
        seen, fraud = (
            total(name, "terminal_id", DELAY + days) - total(name, "terminal_id", DELAY) for name in ("one", "fraud")
        )
        mean = pl.col("amount").rolling_mean_by("tx_time", f"{days}d").over("customer_id")
        columns[f"customer_tx_count_{days}d"] = total("one", "customer_id", days)
        columns[f"customer_amount_mean_{days}d"] = mean
        columns[f"terminal_tx_count_{days}d"] = seen
        columns[f"terminal_fraud_rate_{days}d"] = (fraud / seen).fill_nan(0)
    table = pl.scan_parquet(source).with_columns(
        is_weekend=time.dt.weekday() >= 6,
        is_night=time.dt.hour() <= 6,
        one=pl.lit(1, pl.Int32),
        fraud=pl.col("is_fraud").cast(pl.Int32),
    )
    table.with_columns(**columns).drop("one", "fraud").sink_parquet(target, compression="lz4")


def by_duckdb(source: Path, target: Path, **config: Any) -> None:
    """Use windows by value of the time. Rows are written as they come: to sort them back would cost a sixth more."""
    import duckdb

    columns = ["isodow(tx_time) >= 6 is_weekend", "hour(tx_time) <= 6 is_night"]
    for days in DAYS:
        card = f"(PARTITION BY customer_id ORDER BY tx_time RANGE to_microseconds({days * DAY_US - 1}) PRECEDING)"
        shop = (
            f"(PARTITION BY terminal_id ORDER BY tx_time RANGE BETWEEN to_microseconds({(DELAY + days) * DAY_US - 1})"
            f" PRECEDING AND to_microseconds({DELAY * DAY_US}) PRECEDING)"
        )
        columns.append(f"count(*) OVER {card} customer_tx_count_{days}d")
        columns.append(f"avg(amount) OVER {card} customer_amount_mean_{days}d")
        columns.append(f"count(*) OVER {shop} terminal_tx_count_{days}d")
        columns.append(f"coalesce(avg(is_fraud) OVER {shop}, 0) terminal_fraud_rate_{days}d")
    table = f"SELECT *, {', '.join(columns)} FROM read_parquet('{source}')"
    with duckdb.connect(config=config) as database:
        database.execute(f"COPY ({table}) TO '{target}' (FORMAT parquet, COMPRESSION lz4)")


ENGINES = {"project": by_project, "pandas": by_pandas, "polars": by_polars, "duckdb": by_duckdb}


def peak() -> float:
    """Return the most memory this process has had resident, MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux: getrusage would count what the parent had when it started this process
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main(engine: str, few: str, source: str, target: str) -> None:
    """Warm up, do the work, and print what it took."""
    ENGINES[engine](Path(few), Path(target))
    imports, start = peak(), sum(os.times()[:4])
    ENGINES[engine](Path(source), Path(target))
    print(json.dumps({"cpu": sum(os.times()[:4]) - start, "imports": imports, "peak": peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
