"""Replay the published table event by event through the online features, and show that they are the batch table's.

Run from the repository root:

    python benchmarks/serving/online.py         # four weeks behind a snapshot, and a part of them through Redis
    python benchmarks/serving/online.py --all   # every row, from an empty store

Payments come in order, labels as events of their own once they are known; events are committed to disk in groups of a
hundred. Prints rows that differ by feature (any exits with 1), events per second of CPU and of the clock (an event is
kept and its features are read), and the 50th and 99th percentile of an event and of a question, in microseconds.
"""

import gc
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.protocol import simulated
from benchmarks.replay import CHUNK, Replayed, Table, redis_server, replay
from benchmarks.serving.row_stores import FolderStore, RowsOnRedis
from lifecycle.core.errors import PipelineError, run
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.problem.loading import load_problem
from lifecycle.problem.record_words import DAY_US

START, WEEKS = "2018-08-08", 4
REDIS_EVENTS = 10_000


def ask(store: Any, rows: list[dict[str, Any]]) -> np.ndarray:
    """Return the microseconds that the features of each row take, when nothing is kept."""
    micros = []
    for row in rows:
        before = time.perf_counter()
        store.features(row)
        micros.append(time.perf_counter() - before)
    return np.array(micros) * 1e6


def show(name: str, done: Replayed) -> None:
    """Print a line of figures."""
    events = len(done.micros)
    print(
        f"{name:<10}{events:>10,} events{events / done.cpu:>9,.0f} per CPU-second{events / done.wall:>9,.0f} per second"
    )
    show_micros("event", done.micros)


def show_micros(name: str, micros: np.ndarray) -> None:
    """Print two percentiles, unless there was nothing to ask."""
    if not len(micros):
        return
    middle, high = np.percentile(micros, [50, 99])
    print(f"{'':<10}{name:<20} p50 {middle:>6,.0f} us   p99 {high:>6,.0f} us")


def embedded(table: Table, plan: Plan, schema: Schema, start: int, stop: int) -> Counter[str]:
    """Replay through the embedded store, and show what it costs."""
    with tempfile.TemporaryDirectory() as name:
        folder, memory = Path(name), psutil.Process().memory_info().rss
        store = FolderStore(folder, plan, schema, table.snapshot(plan, start) if start else None)
        done = replay(store, table, start, stop)
        show("embedded", done)
        entities = sum(table.records[by].iloc[:stop].nunique() for by in plan.tracks)
        used = psutil.Process().memory_info().rss - memory
        print(f"{'':<10}{entities:,} entities, {used / entities:,.0f} bytes of memory each")
        following = table.rows(stop, stop + CHUNK)
        show_micros("question, warm", ask(store, following))
        journal = sum(path.stat().st_size for path in folder.glob("journal*"))
        store.compact()
        store.close()
        before = time.perf_counter()
        store = FolderStore(folder, plan, schema)
        seconds, snapshot = time.perf_counter() - before, (folder / "state.npz").stat().st_size
        print(f"{'':<10}journal {journal / 1e6:,.0f} MB, snapshot {snapshot / 1e6:,.0f} MB, opened in {seconds:.2f} s")
        show_micros("question, cold", ask(store, following))
        store.close()
    return done.differ


def by_redis(table: Table, plan: Plan, schema: Schema, start: int) -> Counter[str]:
    """Replay a part through a Redis server of our own."""
    with redis_server("--appendonly", "yes") as url:
        store = RowsOnRedis(url, plan, schema, "benchmark", table.snapshot(plan, start))
        done = replay(store, table, start, start + REDIS_EVENTS)
        show("Redis", done)
        store.close()
    return done.differ


def main() -> None:
    """Replay, print, and raise a PipelineError when a feature of a row differs."""
    problem = load_problem("transactions")
    table = Table.of(problem, simulated(problem), float(problem.defaults["split"]["delay_days"]))
    plan = Plan(problem.features, problem.decimals)
    schema = Schema.of(problem, plan)
    week = pd.Timestamp(START).value // 1_000
    start, stop = np.searchsorted(table.time, [week, week + WEEKS * 7 * DAY_US]).tolist()
    gc.collect()
    gc.freeze()  # the table is none of the store's garbage
    if "--all" in sys.argv:
        differ = embedded(table, plan, schema, 0, len(table.time))
    else:
        differ = embedded(table, plan, schema, start, stop)
        if shutil.which("redis-server"):
            differ += by_redis(table, plan, schema, start)
    print(f"rows that differ, by feature: {dict(+differ) or 'none'}")
    if +differ:
        raise PipelineError("the online features are not those of the batch table")


if __name__ == "__main__":
    run(main)
