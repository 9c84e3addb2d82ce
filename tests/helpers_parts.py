"""A feature list of all kinds, and the two ways to write it, for the tests of out-of-core evaluation."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from lifecycle.core import tables
from lifecycle.features.batch import evaluate
from lifecycle.features.partitioned import feature_table
from lifecycle.features.partitioned.layout import Layout
from lifecycle.problem.record_words import Difference, Hour, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window
from tests.helpers_model import payments

LARGE = (Where("amount_ratio", ">=", 2.0),)
FEATURES = (
    Raw("amount"),
    Raw("shop"),
    Weekend(),
    Window("customer_count", "count", by="customer_id", days=(1, 7)),
    Window("customer_mean", "mean", of="amount", by="customer_id", days=(1, 30), current=False, empty=0.0),
    Window("terminal_rate", "rate", of="is_fraud", by="terminal_id", days=(1, 10), delay_days=7),
    Window("shop_std", "std", of="amount", by="shop", days=(0.5,)),
    Window("shop_terminals", "distinct", of="terminal_id", by="shop", days=(2,), where=(Where("shop", "!=", "s3"),)),
    Ratio("amount_ratio", "amount", "customer_mean_30d", empty=1.0),
    Hour(),
    Window("since_large", "since", by="customer_id", where=LARGE, current=False, days=(9,)),
    Difference("above", "amount_ratio", "since_large_9d"),
    Window("above_max", "max", of="above", by="shop", days=(1.5,)),
)
PROBLEM: Any = SimpleNamespace(
    features=FEATURES, time="tx_time", time_column="tx_time", decimals={"amount": 2, "is_fraud": 0}
)
# The beginning of a script that ends by SIGKILL at the n-th file; its arguments are two paths, and n.
KILLED_AT_A_FILE = """
import os, signal, sys
from pathlib import Path

plain, left = os.fsync, int(sys.argv[3])

def fsync(file):  # a file is complete, and does not have its name yet
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    plain(file)

os.fsync = fsync
"""


def records(rows: int = 12_000) -> pd.DataFrame:
    """Return payments with an entity of text; every seventh stands at the time of the one above it."""
    frame = payments().head(rows)
    shop = "s" + (frame["terminal_id"] % 11).astype("str")
    tied = frame["tx_time"].where(frame.index % 7 != 0, frame["tx_time"].shift().fillna(frame["tx_time"]))
    return frame.assign(shop=shop, tx_time=tied)


def write_at_once(frame: pd.DataFrame, target: Path) -> bytes:
    """Do in memory what `build` does."""
    found = evaluate(FEATURES, frame, PROBLEM.time, PROBLEM.decimals)
    tables.write_table(frame.assign(**{str(name): found[name] for name in found if name not in frame}), target)
    return target.read_bytes()


def build(source: Path, target: Path, engine: str = "serial", scheduler: str | None = None) -> bytes:
    """Return the bytes that `partitioned.build` writes."""
    feature_table.build(PROBLEM, source, target, engine, 1.0, scheduler)
    return target.read_bytes()


@contextlib.contextmanager
def cut(slices: int, shares: int, row_group: int = 500) -> Iterator[None]:
    """Make every table one that does not fit, row groups small, and the layout this one."""

    def choose_layout(table: Any, *_: Any) -> Layout:
        edges = [len(table.rows) * i // slices for i in range(slices + 1)]
        return Layout(tuple((a, b) for a, b in itertools.pairwise(edges) if a < b), shares)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROW_GROUP", row_group)
        patch.setattr(feature_table, "bytes_in_memory", lambda *_: float("inf"))
        patch.setattr(feature_table, "choose_layout", choose_layout)
        yield
