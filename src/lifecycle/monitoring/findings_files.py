"""Write what the monitor has found: figures, alarms, tables and the page."""

from pathlib import Path

import numpy as np

from lifecycle.core.atomic import atomic
from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.params import EvaluateParams
from lifecycle.core.tables import write_csv, write_json
from lifecycle.monitoring import alarms, monitor_tables
from lifecycle.monitoring.detectors.backtest import COUNTED_AS, SINCE
from lifecycle.monitoring.detectors.daily_counts import Stream, daily_counts, no_rejections
from lifecycle.monitoring.detectors.reference import NOTHING_USUAL, Reference
from lifecycle.monitoring.monitor_health import Subject
from lifecycle.monitoring.monitor_page import empty_page, monitor_page
from lifecycle.monitoring.signals import signals
from lifecycle.monitoring.watch import Findings, Watched, watch
from lifecycle.splits.time_windows import DAY


def write_findings(
    folder: Path, watched: Watched, stream: Stream, options: MonitorParams, evaluate: EvaluateParams, subject: Subject
) -> Findings:
    """Watch a stream to its end, and write the findings into a folder."""
    found = watch(stream, watched, options, evaluate, stream.first + stream.days * DAY)
    write_files(folder, found, watched, subject)
    return found


def write_not_watched(folder: Path, why: str) -> None:
    """Write the same files with nothing in them, for `dvc metrics` and `dvc plots`; the figures say why."""
    stream = Stream(no_rejections(COUNTED_AS), np.zeros(0), no_rejections(COUNTED_AS), SINCE, 0)
    counts = daily_counts(stream, [], COUNTED_AS)
    found = Findings(counts, signals(counts, NOTHING_USUAL), [], [])
    write_json({"monitor": {"not_watched": why}}, folder / "monitor.json")
    _write_lists(folder, found, NOTHING_USUAL)
    _write_page(folder, empty_page(why))


def write_files(folder: Path, found: Findings, watched: Watched, subject: Subject) -> None:
    """Write findings into a folder, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json({"monitor": monitor_tables.key_figures(found, watched.reference)}, folder / "monitor.json")
    _write_lists(folder, found, watched.reference)
    _write_page(folder, monitor_page(found, watched, subject))


def _write_lists(folder: Path, found: Findings, reference: Reference) -> None:
    write_json(alarms.as_json(found.alarms), folder / "alarms.json")
    for name, table in monitor_tables.tables(found, reference).items():
        write_csv(table, folder / f"{name}.csv")


def _write_page(folder: Path, page: str) -> None:
    with atomic(folder / "monitor.html") as temporary:
        temporary.write_bytes(page.encode())
