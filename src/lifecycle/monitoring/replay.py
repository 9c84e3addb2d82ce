"""The records after the test window, scored by the bundle: what a service would have seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.bundle.manifest import read_manifest, read_member
from lifecycle.bundle.parity import served_scores
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import SplitParams
from lifecycle.core.tables import first_and_last, parse_json, read_table
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.detectors.backtest import (
    COUNTED_AS,
    FEATURES,
    SINCE,
    TEST,
    Run,
    Scorer,
    stream_of,
    tested_run,
)
from lifecycle.monitoring.detectors.daily_counts import Stream
from lifecycle.monitoring.detectors.reference import Reference
from lifecycle.monitoring.detectors.refusals import refusals
from lifecycle.monitoring.watch import Watched
from lifecycle.splits.time_windows import DAY, plan


def scorer_of(servable: Servable) -> Scorer:
    """Return a bundle as what scores records."""
    return Scorer(servable.features, lambda rows: served_scores(servable, rows), servable.decision)


def reference_of(servable: Servable) -> Reference:
    """Return what a bundle says is usual."""
    content = read_member(servable.folder, servable.manifest, "monitoring.json")
    return Reference.from_json(parse_json(content, f"{servable.folder}/monitoring.json"))


def watched_by(task: Task, servable: Servable, time: str, delay_days: float, options: MonitorParams) -> Watched:
    """Return whom a stream of a bundle's decisions is about, with the earlier bundle that params name."""
    previous = _previous(Path(options.previous), task)
    return Watched(task, reference_of(servable), servable.decision, time, delay_days, previous)


def _previous(folder: Path, task: Task) -> tuple[Callable[[pd.DataFrame], np.ndarray], Any] | None:
    """Return predictions and decision of an earlier bundle; None where the folder is empty.

    Raises
    ------
    PipelineError
        It is of another kind of target; when it predicts, the records lack a feature that it sees.
    """
    if folder.is_dir() and not any(path.name[0] != "." for path in folder.iterdir()):
        return None
    earlier = Servable(folder, read_manifest(folder))
    if earlier.task != task.name:
        raise PipelineError(f"monitor.previous: {folder} predicts a {earlier.task} target, the model a {task.name} one")
    scorer = scorer_of(earlier)

    def predict(rows: pd.DataFrame) -> np.ndarray:
        if gone := [name for name in scorer.features if name not in rows]:
            raise PipelineError(f"monitor.previous: {folder} sees what the records do not have: {', '.join(gone)}")
        return scorer.predict(rows)

    return predict, scorer.decision


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
    begin = plan(split, first, last)[-1].test_end.ceil("D")
    days = max((last.floor("D") - begin) // DAY, 0)
    run = tested_run(problem, split, begin, max(days, 1), watched.reference.window_days)
    stream = stream_of(run if days else run._replace(records=run.records.iloc[:0], days=0), task, scorer, watched.time)
    return watched, stream._replace(rejected=refusals(problem))
