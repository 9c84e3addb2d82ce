"""Replay the test window through the service, event by event, and hold every answer against the evaluated scores.

Run from the repository root:

    python benchmarks/serving/replay_http.py                        # one process, the store in a folder
    python benchmarks/serving/replay_http.py --workers 2            # several, with a store process
    python benchmarks/serving/replay_http.py --store redis://...    # on a Redis server, in a database that is empty
    python benchmarks/serving/replay_http.py --rows 5000            # only the first records

Each record is asked for (POST /predict) and then kept (POST /events), one after the other; a label is kept once it is
known. Half way the service is killed and started again. Prints rows whose score or decision is not that of
data/scores/test.parquet (any exits with 1), requests per second of one client, and percentiles in milliseconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.serving.http_client import Client, free_port
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import load_params
from lifecycle.core.tables import first_and_last, read_table
from lifecycle.features.online.plan import Plan
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import TimeWindow, plan

RECORDS, SCORES = Path("data/validated/records.parquet"), Path("data/scores/test.parquet")
START_SECONDS = 30.0


class Window(NamedTuple):
    """What comes in the test window: records as a client sends them, and labels with the time when each is known.

    `history`: whether the features look at earlier records. Otherwise there is nothing to keep.
    """

    times: list[pd.Timestamp]
    records: list[dict[str, Any]]
    labels: list[tuple[pd.Timestamp, dict[str, Any]]]
    history: bool

    @classmethod
    def of(cls, problem: Problem, window: TimeWindow, rows: int | None) -> "Window":
        """Read the records; unknown labels are like 0, so only the others become events."""
        delay = window.test_start - window.train_end
        found = read_table(
            RECORDS, None, [(problem.time, ">=", window.train_end), (problem.time, "<", window.test_end)]
        )
        frauds = found[found[problem.target] == 1]
        labels = frauds[[problem.key, problem.target]].to_dict("records")
        judged = found[found[problem.time] >= window.test_start].iloc[:rows]
        sent = judged.drop(columns=list(problem.label_columns))
        sent = sent.assign(**{problem.time_column: sent[problem.time].map(lambda time: time.isoformat())})
        sent = sent.astype(object).where(sent.notna(), None)  # as JSON has what is missing
        history = bool(Plan(problem.features, problem.decimals).tracks)
        known = list(zip(frauds[problem.time] + delay, labels, strict=True)) if history else []
        return cls(judged[problem.time].tolist(), sent.to_dict("records"), known, history)  # type: ignore[arg-type]


class Service:
    """The service in processes of its own."""

    def __init__(self, store: str, workers: int) -> None:
        self._port = free_port()
        self._environment = os.environ | {
            "SERVE_STORE": store,
            "SERVE_WORKERS": str(workers),
            "SERVE_PORT": str(self._port),
            "SERVE_LOG": "none",
        }
        self.client = self.start()

    def start(self) -> Client:
        """Start it; return a client once it is ready."""
        end = time.monotonic() + START_SECONDS
        self._process = self._begun()
        while time.monotonic() < end:
            if self._process.poll() is not None:  # the workers of a parent that was killed take a moment to go
                self._process = self._begun()
            try:
                self.client = Client(self._port)
                self.client.get("/health/ready")
                return self.client
            except (OSError, PipelineError):  # nobody listens yet, or not everything is open
                time.sleep(0.2)
        self._process.kill()
        raise PipelineError("the service did not start")

    def _begun(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "src/mlops.py", "serve"], env=self._environment)

    def end(self, kill: bool = False) -> None:
        """End it, or kill it."""
        self.client.close()
        (self._process.kill if kill else self._process.terminate)()
        self._process.wait()


class Answered(NamedTuple):
    """Score and decision of each record, and the seconds of each request."""

    scores: np.ndarray
    alerts: np.ndarray
    asking: np.ndarray
    keeping: np.ndarray


def replay(service: Service, window: Window) -> Answered:
    """Let the service see the window as time passes."""
    labels, scores, alerts, asking, keeping = iter([*window.labels, (pd.Timestamp.max, {})]), [], [], [], []
    due, label = next(labels)
    for number, (moment, record) in enumerate(zip(window.times, window.records, strict=True)):
        if number == len(window.records) // 2:
            service.end(kill=True)
            service.start()
        while due <= moment:
            service.client.post("/events", {"events": [{"label": label}]})
            due, label = next(labels)
        before = time.perf_counter()
        found = service.client.post("/predict", {"records": [record]})["predictions"][0]
        between = time.perf_counter()
        asking.append(between - before)
        if window.history:
            kept = service.client.post("/events", {"events": [record]})
            keeping.append(time.perf_counter() - between)
            if kept["accepted"] != 1:
                raise PipelineError(f"record {number} was not new: {kept}")
        scores.append(found["score"])
        alerts.append(found["prediction"])
    return Answered(np.array(scores), np.array(alerts), np.array(asking), np.array(keeping))


def differing(problem: Problem, window: Window, answered: Answered, whole: bool) -> tuple[int, int, int]:
    """Return how many rows were compared, and in how many of them the score and the decision differ."""
    keys = [record[problem.key] for record in window.records]
    online = pd.DataFrame({problem.key: keys, "online": answered.scores, "alerted": answered.alerts})
    evaluated = read_table(SCORES, [problem.key, "score", "alert"])
    both = evaluated.merge(online, on=problem.key, validate="1:1")
    if whole and len(both) < len(evaluated):
        raise PipelineError(f"{len(evaluated) - len(both):,} evaluated rows were not replayed")
    return len(both), int((both["score"] != both["online"]).sum()), int((both["alert"] != both["alerted"]).sum())


def show(name: str, seconds: np.ndarray) -> None:
    """Print a line of percentiles."""
    low, middle, high = np.percentile(seconds * 1e3, [50, 99, 99.9])
    print(f"{name:<18}p50 {low:.2f} ms   p99 {middle:.2f} ms   p999 {high:.2f} ms")


def main() -> None:
    """Replay, print, and raise a PipelineError when an answer differs."""
    parser = argparse.ArgumentParser(description="Replay the test window through the service.")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store")
    parser.add_argument("--rows", type=int)
    options, params = parser.parse_args(), load_params()
    problem = load_problem(params.problem)
    *_, last = plan(fill(params.split, problem, "split"), *first_and_last(RECORDS, problem.time_column))
    window = Window.of(problem, last, options.rows)
    with tempfile.TemporaryDirectory() as folder:
        service = Service(options.store or f"{folder}/store", options.workers)
        try:
            answered = replay(service, window)
        finally:
            service.end()
    compared, scores, alerts = differing(problem, window, answered, options.rows is None)
    requests, seconds = len(answered.asking) + len(answered.keeping), answered.asking.sum() + answered.keeping.sum()
    print(
        f"{len(window.records):,} records and their labels; {requests / seconds:,.0f} requests per second, one client"
    )
    show("POST /predict", answered.asking)
    if window.history:
        show("POST /events", answered.keeping)
    print(f"of {compared:,} evaluated rows differ: {scores} scores, {alerts} decisions")
    if scores or alerts or not compared:
        raise PipelineError("the service does not answer as the model was evaluated")


if __name__ == "__main__":
    run(main)
