"""Watch a service from outside: its bundle, its decision log, and the labels that have come in."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.bundle.servable import Servable
from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import CsvParams, EvaluateParams
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.decision_log import TIME, lines_of, log_files, read_decisions, stream_of_log
from lifecycle.monitoring.detectors.daily_counts import Stream
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.label_file import read_labels
from lifecycle.monitoring.monitor_health import Subject
from lifecycle.monitoring.monitor_tables import days_table
from lifecycle.monitoring.performance import labels_known
from lifecycle.monitoring.replay import watched_by
from lifecycle.monitoring.watch import Findings, Watched, watch
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import DAY


class Source(NamedTuple):
    """What is watched, and how far back."""

    servable: Servable
    problem: Problem
    log: Path
    labels: Path | None
    csv: CsvParams
    delay_days: float
    days: int


class Live(NamedTuple):
    """Findings on a service at a time."""

    subject: Subject
    as_of: pd.Timestamp
    last_record: pd.Timestamp | None
    reference: Reference
    findings: Findings
    days: pd.DataFrame  # the table of days
    labelled_share: float | None  # of the records that are older than the label delay
    alerts_per_day: float | None


def read_stream(source: Source, options: MonitorParams, as_of: pd.Timestamp) -> tuple[Watched, Stream, dict[str, int]]:
    """Return the stream of a decision log, whom it is about, and how many lines were left out."""
    servable, problem = source.servable, source.problem
    labels = None if source.labels is None else read_labels(source.labels, problem, source.csv)
    found = read_decisions(lines_of(log_files(source.log)), servable, as_of - source.days * DAY)
    stream, seen = stream_of_log(found, task_of(problem), servable, labels, as_of)
    watched = watched_by(seen, servable, TIME, source.delay_days, options)
    present = watched.reference.only(stream.records.columns)
    return watched._replace(reference=present), stream, found.left_out


def look(source: Source, options: MonitorParams, evaluate: EvaluateParams, as_of: pd.Timestamp) -> tuple[Live, Watched]:
    """Return what is known of a service at a time."""
    watched, stream, left_out = read_stream(source, options, as_of)
    found = watch(stream, watched, options, evaluate, as_of)
    servable, table, times = source.servable, days_table(found, watched.reference), stream.records[TIME]
    present = {one.axis.name for one in watched.reference.of("feature")}
    unwatched = [name for name in servable.features if name not in present]
    live = Live(
        subject=Subject(servable.name, servable.version, options.review_capacity_per_day, unwatched, left_out),
        as_of=as_of,
        last_record=None if times.empty else times.iloc[-1],
        reference=watched.reference,
        findings=found,
        days=table,
        labelled_share=_labelled_share(stream, watched, as_of),
        alerts_per_day=_alerts_per_day(table.tail(watched.reference.window_days)),
    )
    return live, watched


def _labelled_share(stream: Stream, watched: Watched, as_of: pd.Timestamp) -> float | None:
    """Return the share of the labels due by a time that have come; None while none is due."""
    due = labels_known(stream.records, TIME, watched.delay_days, as_of)
    return float((~np.isnan(stream.loss[due])).mean()) if due.any() else None


def _alerts_per_day(last: pd.DataFrame) -> float | None:
    """Return the alerts a day of the last window, from its days; None where nothing is alerted on."""
    if last.empty or last["alert_share"].isna().all():
        return None
    return float((last["alert_share"] * last["records"]).sum() / len(last))
