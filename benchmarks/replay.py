"""What `online.py` and the tests share: a table as a service sees it, event by event, and a Redis server.

Not run by itself.
"""

import itertools
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.features.batch import as_microseconds, evaluate
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import Snapshot, snapshot_of_table
from lifecycle.features.online.state import LATENESS_DAYS
from lifecycle.problem.problem import Problem
from lifecycle.problem.record_words import DAY_US

GROUP = 100  # events in a commit
CHUNK = 10_000  # rows prepared at once, outside the clocks


class Table(NamedTuple):
    """Records in time order, their features, and when each label is known."""

    problem: Problem
    records: pd.DataFrame
    features: pd.DataFrame
    time: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, problem: Problem, records: pd.DataFrame, delay_days: float) -> "Table":
        """Evaluate the problem's features on records."""
        found = evaluate(problem.features, records, problem.time_column, problem.decimals)
        time_us = as_microseconds(records[problem.time_column])
        return cls(problem, records, found, time_us, time_us + round(delay_days * DAY_US))

    def snapshot(self, plan: Plan, start: int) -> Snapshot:
        """Return the state behind the first rows, with the labels that are known when the next row comes."""
        columns = {name: self.records[name].to_numpy()[:start] for name in plan.columns}
        columns |= {name: self.features[name].to_numpy()[:start] for name in plan.derived}
        unknown = self.known[:start] > self.time[start]
        key = self.records[self.problem.key].to_numpy()[:start]
        labels = dict.fromkeys(self.problem.label_columns, unknown)
        return snapshot_of_table(plan, columns, self.time[:start], key, labels, LATENESS_DAYS)

    def rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Return records without their labels."""
        seen = self.records.iloc[start:stop].drop(columns=list(self.problem.label_columns))
        return seen.assign(**{self.problem.time_column: self.time[start:stop]}).to_dict("records")  # type: ignore[return-value]

    def labels(self, start: int) -> Iterator[tuple[int, Any, dict[str, Any]]]:
        """Yield when a label is known that the snapshot lacks, its key, and the label; unknown is like 0."""
        target = self.records[self.problem.target].to_numpy() == 1
        late = np.flatnonzero(target & (self.known > (self.time[start] if start else self.time[0] - 1)))
        keys = self.records[self.problem.key].to_numpy()[late].tolist()
        for known, key in zip(self.known[late].tolist(), keys, strict=True):
            yield known, key, {self.problem.target: 1}


class Replayed(NamedTuple):
    """What a replay has shown: rows that differ by feature, microseconds of each event, seconds of CPU and clock."""

    differ: Counter[str]
    micros: np.ndarray
    cpu: float
    wall: float


def replay(store: Any, table: Table, start: int, stop: int) -> Replayed:
    """Let a store see the rows from one up to another, and compare what it answers."""
    labels = itertools.chain(table.labels(start), [(np.inf, None, {})])
    due, differ, micros, cpu, wall = next(labels), Counter[str](), [], 0.0, 0.0
    for low in range(start, stop, CHUNK):
        rows, found = table.rows(low, min(low + CHUNK, stop)), []
        began, spent = time.perf_counter(), time.process_time()
        for number, row in enumerate(rows):
            while due[0] <= row[table.problem.time_column]:
                store.label(*due[1:])
                due = next(labels)
            before = time.perf_counter()
            found.append(store.update(row))
            micros.append(time.perf_counter() - before)
            if number % GROUP == GROUP - 1 and hasattr(store, "commit"):
                store.commit()
        cpu, wall = cpu + time.process_time() - spent, wall + time.perf_counter() - began
        differ += differing(pd.DataFrame(found), table.features.iloc[low : low + len(rows)])
    return Replayed(differ, np.array(micros) * 1e6, cpu, wall)


def differing(found: pd.DataFrame, wanted: pd.DataFrame) -> Counter[str]:
    """Count by column the rows in which two tables are not exactly equal; missing values are equal."""
    pairs = {name: (found[name].to_numpy(), wanted[name].to_numpy()) for name in map(str, wanted)}
    return Counter({name: int(((a != b) & ~(pd.isna(a) & pd.isna(b))).sum()) for name, (a, b) in pairs.items()})


@contextmanager
def redis_server(*options: str) -> Iterator[str]:
    """Give the address of a Redis server that runs inside the block and has nothing to do with any other."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        command = ["redis-server", "--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", *options]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not _answers(path):
                if server.poll() is not None:
                    raise RuntimeError(f"redis-server ended with {server.returncode}")
                time.sleep(0.01)
            yield f"unix://{path}"
        finally:
            server.terminate()
            server.wait()


def _answers(path: str) -> bool:
    """Tell whether somebody listens; the file is there a little before."""
    with socket.socket(socket.AF_UNIX) as own:
        return own.connect_ex(path) == 0
