"""Read what the decision to train needs: the window that the champion learned from, the records since, the alarms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lifecycle.contract.row_validation import Verdict, check
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params, SplitParams
from lifecycle.core.tables import read_json, read_table
from lifecycle.monitoring import monitor_command
from lifecycle.problem.loading import fill
from lifecycle.problem.problem import Problem
from lifecycle.release.retraining.retraining_reasons import Situation
from lifecycle.release.route import BUNDLES, read_route
from lifecycle.repository.revision_files import Revision
from lifecycle.sources.files import read_file
from lifecycle.splits.time_windows import DAY, TimeWindow, lengths, plan

RECORDS, TRAIN = Path("data/validated/records.parquet"), "data/splits/train.parquet"


class Evidence(NamedTuple):
    """What a command line names: a file of new records, findings of the monitor, or a log and labels to look at."""

    new: Path | None
    findings: Path
    log: Path | None = None
    labels: Path | None = None


def read_situation(
    champion: Revision, evidence: Evidence, params: Params, problem: Problem
) -> tuple[Situation, TimeWindow]:
    """Return what is known, and the windows that the records allow now.

    Raises
    ------
    PipelineError
        Parts are not cut in time, a table is missing, or a file can't be read.
    """
    split: SplitParams = fill(params.split, problem, "split")
    if split.strategy != "time":
        raise PipelineError(
            f"split.strategy = {split.strategy}: `release retrain` moves windows in time; without them, add the records"
            " and run `dvc repro`"
        )
    time = problem.time_column
    known = read_table(RECORDS, [problem.key, time])
    faults: list[str] = []
    if evidence.new is not None:
        verdict = check(read_file(evidence.new, problem, params.ingest.csv), problem, params.validate_.as_of)
        faults = new_record_faults(verdict, set(known[problem.key]), problem, params.validate_.max_rejected_share)
        known = pd.concat([known, verdict.kept[[problem.key, time]]])
    learned = champion.table(TRAIN)
    if learned is None:
        raise PipelineError(f"{TRAIN} of {champion.name}: neither the cache nor a remote has it; run `dvc pull`")
    window = latest_window(split, known[time])
    trained_until = _day_after(learned[time])
    labelled = (known[time] >= trained_until) & (known[time] <= known[time].max() - lengths(split)[1])
    window_end = _day_after(known[time][known[time] < window.train_end])
    alarms_of_monitor = read_alarms(evidence, params)
    return Situation(trained_until, window_end, int(labelled.sum()), alarms_of_monitor, faults), window


def _day_after(times: pd.Series) -> pd.Timestamp:
    """Return the end of the day of the newest record: two windows of the same days are equal, whatever their last."""
    return times.max().floor("D") + DAY


def latest_window(split: SplitParams, times: pd.Series) -> TimeWindow:
    """Return the final windows as late as the records allow, whatever day is set now."""
    return plan(split.model_copy(update={"test_start": None}), times.min(), times.max())[-1]


def new_record_faults(verdict: Verdict, keys: set[Any], problem: Problem, most: float) -> list[str]:
    """Return, in words, what is wrong with a file of new records."""
    kept, rejected = len(verdict.kept), len(verdict.rejected)
    faults = []
    if not kept or rejected > most * (kept + rejected):
        first = next(iter(verdict.failed))
        faults.append(
            f"{rejected:,} of {kept + rejected:,} new records break the contract, more than"
            f" validate.max_rejected_share = {most:g} allows: {first}; {verdict.examples[first]}"
        )
    known = 0 if problem.counts_rows else sum(map(keys.__contains__, verdict.kept[problem.key]))
    if known:
        faults.append(f"{known:,} of {kept:,} new records have a {problem.key} that an earlier record has")
    return faults


def read_alarms(evidence: Evidence, params: Params) -> Sequence[dict[str, Any]]:
    """Return the alarms: of the service whose log is named, seen now, or of a folder with findings."""
    if evidence.log is not None:
        argv = ["--log", str(evidence.log), "--bundle", str(champion_bundle(params))]
        argv += [] if evidence.labels is None else ["--labels", str(evidence.labels)]
        live = monitor_command.Observer(monitor_command.parse(argv), params).look()
        return [alarm.as_json() for alarm in live.findings.alarms]
    return list(read_json(evidence.findings / "alarms.json")["alarms"])


def champion_bundle(params: Params) -> Path:
    """Return the bundle that answers: the route's champion, or that of the workspace where there is no route."""
    folder = Path(params.release.folder)
    route = read_route(folder)
    return Path("models/bundle") if route is None else folder / BUNDLES / route.champion
