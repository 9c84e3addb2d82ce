"""The service's decision log as a stream: what one version of a model decided, and the labels that came later."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.alert_decision import AMOUNT
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.detectors.daily_counts import Stream, no_rejections
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY

TIME, REQUEST, ROW = "time", "request_id", "row"
NOT_WHOLE = "lines that are not whole"
REFUSED = 422  # the request could be read, but not what stood in it
MISFITS = ("missing_name", "unknown_name", "wrong_type", "wrong_width")  # a column is absent, or of another type


@dataclass
class Decisions:
    """What the lines of a log say of one version.

    Parameters
    ----------
    columns : dict of str to list
        Time, request and row of each record, its features where they are logged, and its predictions.
    refused : list of (time, column, reason, schema)
        Requests that could not be scored.
    left_out : dict of str to int
        Lines and records that are not among them, by reason.
    """

    columns: dict[str, list[Any]] = field(default_factory=dict)
    refused: list[tuple[str, str, str, bool]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str) -> None:
        """Count a line that is not used."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def now() -> pd.Timestamp:
    """Return the time as the log's tables have it: UTC, without a zone."""
    return pd.Timestamp(datetime.now(UTC).replace(tzinfo=None))


def log_files(path: Path) -> list[Path]:
    """Return a log with what rotation has moved aside: `NAME.1`, `NAME-20260101.gz` and the like, the oldest first.

    Raises
    ------
    PipelineError
        There is no such file.
    """
    if not path.parent.is_dir() or not path.name:
        raise PipelineError(f"{path}: no such file")
    rotated = [other for other in path.parent.glob(f"{path.name}*") if other.name[len(path.name) :][:1] in (".", "-")]
    found = [
        *sorted(rotated, key=lambda file: (file.stat().st_mtime_ns, file.name)),
        *([path] if path.is_file() else []),
    ]
    if not found:
        raise PipelineError(f"{path}: no such file; the service writes it: SERVE_LOG={path}")
    return found


def lines_of(files: Iterable[Path]) -> Iterator[bytes]:
    """Yield the lines of files, the compressed ones too."""
    for file in files:
        try:
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
                yield from opened
        except (OSError, EOFError) as error:
            raise PipelineError(f"{file}: {getattr(error, 'strerror', None) or error}") from error


def read_decisions(lines: Iterable[bytes], servable: Servable, since: pd.Timestamp) -> Decisions:
    """Return what a bundle has decided since a time; a line that is not whole is counted, not used."""
    found, begin = Decisions(), since.isoformat()
    for line in lines:
        content = content_of(line)
        if content is None:
            found.leave_out(NOT_WHOLE)
        elif content.get("event.action") == "predict" and str(content.get("@timestamp")) >= begin:
            _take(found, content, servable)
    return found


def content_of(line: bytes) -> dict[str, Any] | None:
    """Return what a line of a log says; None where it is not whole."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and line.endswith(b"\n") else None


def _take(found: Decisions, content: dict[str, Any], servable: Servable) -> None:
    version = content.get("service.version")
    if version not in (None, servable.version):
        found.leave_out(f"requests that version {version} answered")
    elif content.get("http.response.status_code") == REFUSED:
        kind = str(content.get("error.type"))
        column = str(content.get("labels.feature", "request"))
        found.refused.append((content["@timestamp"], column, kind, kind in MISFITS))
    elif "decision.scores" not in content:
        found.leave_out("requests that were not answered")
    else:
        _add(found.columns, content, servable)


def _add(columns: dict[str, list[Any]], content: dict[str, Any], servable: Servable) -> None:
    scores = content["decision.scores"]
    features = content.get("decision.features") or [{}] * len(scores)
    at, request = content["@timestamp"], content.get("http.request.id")
    for row, (score, values) in enumerate(zip(scores, features, strict=True)):
        for name, value in ((TIME, at), (REQUEST, request), (ROW, row), ("score", score)):
            columns.setdefault(name, []).append(value)
        for name in servable.features:
            columns.setdefault(name, []).append(values.get(name, ABSENT))


ABSENT = object()  # a feature that the log does not hold: identities, and all where SERVE_LOG_VALUES is not set


def records_of(found: Decisions, problem: Problem, servable: Servable) -> pd.DataFrame:
    """Return the records by time, with predictions and decisions, without the features that some line does not hold."""
    columns = {name: values for name, values in found.columns.items() if not any(value is ABSENT for value in values)}
    scores = np.array(columns.pop("score", []), dtype=np.float64)
    if not len(scores):
        scores = np.zeros((0, problem.outputs) if problem.outputs > 1 else 0)
        columns = {TIME: [], REQUEST: [], ROW: []}
    numbers = {name: np.array(columns[name], dtype=np.float64) for name in servable.numbers if name in columns}
    times = pd.to_datetime(pd.Series(columns[TIME], dtype=str), utc=True, format="ISO8601").dt.tz_localize(None)
    decided = task_of(problem).decided_columns(scores, servable.decision)
    table = pd.DataFrame({**columns, **numbers, **problem.as_columns(scores), **decided, TIME: times.to_numpy()})
    return table.sort_values(TIME, kind="stable", ignore_index=True)


def refusals_of(found: Decisions) -> pd.DataFrame:
    """Return the requests that were refused for their content."""
    if not found.refused:
        return no_rejections(TIME)
    table = pd.DataFrame(found.refused, columns=[TIME, "column", "reason", "schema"])
    times = pd.to_datetime(table[TIME], utc=True, format="ISO8601").dt.tz_localize(None)
    return table.assign(**{TIME: times}).sort_values(TIME, kind="stable", ignore_index=True)


def stream_of_log(
    found: Decisions, task: Task, servable: Servable, labels: pd.DataFrame | None, as_of: pd.Timestamp
) -> tuple[Stream, Task]:
    """Return the stream up to a time, and the kind of target without the roles that neither log nor labels tell.

    Parameters
    ----------
    found : Decisions
        What the log says.
    task : Task
        Of the bundle's problem.
    servable : Servable
        The bundle.
    labels : pandas.DataFrame or None
        From `read_labels`.
    as_of : pandas.Timestamp
        The end of the stream.
    """
    records, rejected = records_of(found, task.problem, servable), refusals_of(found)
    problem = task.problem
    if labels is None:
        records[problem.target] = np.nan
    else:
        told = [name for name in labels if name in (REQUEST, ROW) or name not in records]  # what is logged is not asked
        records = records.merge(labels[told], how="left", on=[REQUEST, ROW], validate="one_to_one")
        _check_amount(servable, problem, list(records.columns))
    seen = task_of(_with_roles(problem, list(records.columns)))
    times = [table[TIME].iloc[0] for table in (records, rejected) if len(table)]
    first = min(times, default=as_of).floor("D")
    days = max(int(-((first - as_of) // DAY)), 0)
    return Stream(records, seen.losses(records), rejected, first, days), seen


def _check_amount(servable: Servable, problem: Problem, present: Sequence[str]) -> None:
    """Raise when the cost of a miss is the record's own amount, and neither log nor labels have it."""
    if getattr(servable.decision, "cost_false_negative", None) == AMOUNT and problem.amount not in present:
        raise PipelineError(
            f"what a miss costs is the column {problem.amount}, which the log does not hold: set SERVE_LOG_VALUES=1, or"
            " add that column to the labels"
        )


def _with_roles(problem: Problem, present: Sequence[str]) -> Problem:
    """Return a problem whose records have no more than the columns that are there."""
    slices, groups = (
        tuple(band for band in bands if band.column in present) for bands in (problem.slices, problem.groups)
    )
    entity = problem.entity if problem.entity in present else None
    amount = problem.amount if problem.amount in present else None
    return replace(problem, time=None, entity=entity, amount=amount, key=REQUEST, slices=slices, groups=groups)
