"""Decision logs as the service writes them, of the small bundles of each kind of target."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.bundle.bundle_writer import seal
from lifecycle.bundle.parity import as_batch, served_scores
from lifecycle.bundle.servable import Servable
from lifecycle.core.tables import write_json
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.detectors.backtest import COUNTED_AS, axes_of, drawn_run, stream_of
from lifecycle.monitoring.detectors.daily_counts import daily_counts
from lifecycle.monitoring.detectors.reference import calibrate
from lifecycle.monitoring.replay import scorer_of
from tests.helpers_bundle import ORIGIN
from tests.helpers_task_bundles import problem_of, records_of, task_bundle, with_features
from tests.lifecycle.monitoring.helpers_streams import LIMITS

FIRST = pd.Timestamp("2026-03-02")
A_DAY = 40  # records


def watched_bundle(folder: Path, task: str) -> Servable:
    """Write a bundle that knows what is usual of its records."""
    servable = task_bundle(folder, task)
    problem, records = problem_of(task), with_features(records_of(task, 12 * 7 * A_DAY, seed=9))
    records = records.assign(row_number=np.arange(len(records)), level=truth_of(task, records))
    run = drawn_run(records, LIMITS)
    stream = stream_of(run, task_of(problem), scorer_of(servable), COUNTED_AS)
    axes = axes_of(task_of(problem), servable.features, stream.records)
    reference = calibrate([daily_counts(stream, axes, COUNTED_AS)], axes, LIMITS)
    write_json(reference.as_json(), folder / "monitoring.json")
    seal(folder, ORIGIN)
    return Servable.load(folder)


def truth_of(task: str, records: pd.DataFrame) -> np.ndarray:
    """Return a label of each record, as a code or a number."""
    high = (records["number"] > 0.5).to_numpy()
    return {"binary": high.astype(int), "multiclass": high * 2, "regression": records["number"].to_numpy() * 1000}[task]


def decided(servable: Servable, scores: np.ndarray) -> dict[str, Any]:
    """Return what the service logs of a kind of target beside the scores."""
    made = servable.decide(scores)
    if servable.task == "binary":
        return {"decision.threshold": servable.threshold, "decision.alerts": made.alert.tolist()}
    if servable.task == "multiclass":
        return {"decision.classes": [None if code < 0 else servable.classes[code] for code in made.decided.tolist()]}
    return {"decision.low": made.low.tolist(), "decision.high": made.high.tolist()}


def line(at: pd.Timestamp, request: str, **fields: Any) -> str:
    """Return a line of a log."""
    common = {"log.level": "info", "event.action": "predict", "http.request.id": request}
    return json.dumps({"@timestamp": f"{at.isoformat(timespec='microseconds')}Z", **common, **fields}) + "\n"


def answered(
    servable: Servable, at: pd.Timestamp, request: str, rows: pd.DataFrame, values: bool = True, **fields: Any
) -> str:
    """Return the line of a request that was answered."""
    scores = served_scores(servable, rows)
    found = {"http.response.status_code": 200, "service.version": servable.version, "decision.scores": scores.tolist()}
    if values:
        batch = as_batch(servable, rows)
        numbers = [dict(zip(servable.numbers, row, strict=True)) for row in batch.numbers.tolist()]
        texts = [] if batch.texts is None else batch.texts.tolist()
        pairs = zip(numbers, texts, strict=True) if texts else ((row, ()) for row in numbers)
        shown = [row | dict(zip(servable.texts, words, strict=False)) for row, words in pairs]
        found["decision.features"] = [{name: _null(value) for name, value in row.items()} for row in shown]
    return line(at, request, **(found | decided(servable, scores) | fields))


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def refused(servable: Servable, at: pd.Timestamp, column: str | None, kind: str, status: int = 422) -> str:
    """Return the line of a request that was refused."""
    named = {} if column is None else {"labels.feature": column}
    more = {"http.response.status_code": status, "service.version": servable.version, "error.type": kind}
    return line(at, "refused", **(more | named))


def weeks_of_log(
    servable: Servable, task: str, days: int, change: Any = None, values: bool = True
) -> tuple[list[str], pd.DataFrame]:
    """Return a log of some days and the labels of all its records; `change` alters the records of a day."""
    lines, labels = [], []
    for day in range(days):
        records = with_features(records_of(task, A_DAY, seed=1000 + day))
        truth = truth_of(task, records)
        records = records if change is None else change(day, records)
        for place in range(0, len(records), 8):
            at = FIRST + pd.Timedelta(days=day, minutes=10 * place + 1)
            request = f"{day}-{place}"
            lines.append(answered(servable, at, request, records[place : place + 8], values))
            labels += [(request, row, truth[place + row]) for row in range(len(records[place : place + 8]))]
    return lines, pd.DataFrame(labels, columns=["request_id", "row", "level"])


def as_source(task: str, labels: pd.DataFrame) -> pd.DataFrame:
    """Return labels as a source has them: names of classes instead of codes."""
    if task != "multiclass":
        return labels
    return labels.assign(level=[problem_of(task).classes[code] for code in labels["level"]])
