"""The records after the test window, scored by the bundle: what a service would have seen."""

from pathlib import Path

import pandas as pd

from lifecycle.bundle.manifest import read_manifest, read_member
from lifecycle.bundle.parity import served_scores
from lifecycle.bundle.servable import Servable
from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import SplitParams
from lifecycle.core.tables import first_and_last, parse_json, read_table
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.detectors.backtest import COUNTED_AS, FEATURES, SINCE, Run, Scorer, stream_of, tested_run
from lifecycle.monitoring.detectors.daily_counts import DAY, Stream, no_rejections
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.watch import Watched
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import plan

QUARANTINE, TEST = "data/quarantine/rejected.parquet", "data/splits/test.parquet"
MISFITS = ("missing", "not of type")  # reasons that all records of a day have when a column has gone


def scorer_of(servable: Servable) -> Scorer:
    """Return a bundle as what scores records."""
    return Scorer(servable.features, lambda rows: served_scores(servable, rows), servable.decision)


def reference_of(servable: Servable) -> Reference:
    """Return what a bundle says is usual."""
    content = read_member(servable.folder, servable.manifest, "monitoring.json")
    return Reference.from_json(parse_json(content, f"{servable.folder}/monitoring.json"))


def watched_by(task: Task, servable: Servable, time: str, delay_days: float, options: MonitorParams) -> Watched:
    """Return whom a stream of a bundle's decisions is about, with the earlier bundle that params name."""
    previous = None
    if options.previous is not None:
        earlier = scorer_of(Servable(Path(options.previous), read_manifest(Path(options.previous))))
        previous = (earlier.predict, earlier.decision)
    return Watched(task, reference_of(servable), servable.decision, time, delay_days, previous)


def after_test(task: Task, split: SplitParams, servable: Servable, options: MonitorParams) -> tuple[Watched, Stream]:
    """Return the stream of the whole days after the test window; the day of the last record may lack some.

    Where records were drawn instead of cut in time there are none after the test.
    """
    problem, scorer = task.problem, scorer_of(servable)
    if split.strategy != "time":
        watched = watched_by(task, servable, COUNTED_AS, 0.0, options)
        none = Run(read_table(TEST).iloc[:0].assign(**{COUNTED_AS: SINCE}), SINCE, 0)
        return watched, stream_of(none, task, scorer, COUNTED_AS)
    watched = watched_by(task, servable, problem.time_column, float(split.delay_days or 0), options)
    first, last = first_and_last(FEATURES, problem.time_column)
    begin = plan(split, first, last)[-1].test_end
    days = max((last.floor("D") - begin) // DAY, 0)
    run = tested_run(problem, split, begin, max(days, 1), watched.reference.window_days)
    stream = stream_of(run if days else run._replace(records=run.records.iloc[:0], days=0), task, scorer, watched.time)
    return watched, stream._replace(rejected=refusals(read_table(QUARANTINE), problem, begin, days))


def refusals(rejected: pd.DataFrame, problem: Problem, first: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return the rejected records of some days by time, column and reason.

    A record whose time can't be read belongs to the day of the one before it in the source, the first to the last day.
    """
    time = problem.time_column
    if rejected.empty:
        return no_rejections(time)
    when = pd.to_datetime(rejected[time], errors="coerce", utc=True).dt.tz_localize(None).ffill()
    text = rejected["reason"].str.split("; ").str[0]
    named = text.str.contains(": ")
    column = text.str.split(": ").str[0].where(named, "whole record")
    reason = text.str.split(": ", n=1).str[-1]
    table = pd.DataFrame(
        {time: when.fillna(first + (days - 1) * DAY), "column": column, "reason": reason}
        | {"schema": reason.str.startswith(MISFITS)}
    )
    inside = (table[time] >= first) & (table[time] < first + days * DAY)
    return table[inside.to_numpy()].reset_index(drop=True)
