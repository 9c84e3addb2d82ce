"""A service watched from outside: what is known when, and what an injected change does."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lifecycle.bundle.servable import Servable
from lifecycle.core.params import load_params
from lifecycle.monitoring.live import Live, Source, look
from tests.helpers_task_bundles import TASKS, problem_of
from tests.lifecycle.monitoring.helpers_logs import (
    A_DAY,
    FIRST,
    as_source,
    refused,
    watched_bundle,
    weeks_of_log,
)

PARAMS, MONITOR = load_params(), load_params().monitor
DELAY = 3.0


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Servable]:
    return {task: watched_bundle(tmp_path_factory.mktemp("live") / task, task) for task in TASKS}


def seen(folder: Path, servable: Servable, lines: list[str], labels: pd.DataFrame | None, day: float) -> Live:
    """Return what is known so many days after the first."""
    log, table = folder / "decisions.log", folder / "labels.csv"
    log.write_text("".join(lines))
    if labels is not None:
        as_source(servable.task, labels).to_csv(table, index=False)
    problem = problem_of(servable.task)
    source = Source(servable, problem, log, None if labels is None else table, PARAMS.ingest.csv, DELAY, 56)
    return look(source, MONITOR, PARAMS.evaluate, FIRST + pd.Timedelta(days=day))[0]


@pytest.mark.parametrize("task", TASKS)
def test_records_like_those_of_the_backtest_raise_no_alarm(tmp_path: Path, bundles, task: str) -> None:
    lines, labels = weeks_of_log(bundles[task], task, 21)
    live = seen(tmp_path, bundles[task], lines, labels, 21)
    assert live.findings.alarms == []
    assert (live.subject.unwatched, live.subject.left_out) == ([], {})
    assert live.findings.counts.records.tolist() == [A_DAY] * 21


@pytest.mark.parametrize("task", TASKS)
def test_a_label_counts_once_it_is_old_enough(tmp_path: Path, bundles, task: str) -> None:
    lines, labels = weeks_of_log(bundles[task], task, 7)
    for day in (2, 4, 10):
        live = seen(tmp_path, bundles[task], lines, labels, day)
        known = sum(window.labelled for window in live.findings.windows)
        assert known == A_DAY * min(max(day - int(DELAY), 0), 7)
        assert all(bool(window.figures) == (window.labelled > 0) for window in live.findings.windows)


def test_a_label_that_comes_early_changes_nothing(tmp_path: Path, bundles) -> None:
    lines, labels = weeks_of_log(bundles["binary"], "binary", 7)
    late = labels[labels["request_id"].str.split("-").str[0].astype(int) < 2]
    all_at_once, those_known = (seen(tmp_path, bundles["binary"], lines, table, 5) for table in (labels, late))
    assert all_at_once.days.equals(those_known.days)
    assert all_at_once.findings.windows == those_known.findings.windows


def scaled(day: int, records: pd.DataFrame) -> pd.DataFrame:
    return records if day < 10 else records.assign(number=1 - (1 - records["number"]) / 4)


def elsewhere(day: int, records: pd.DataFrame) -> pd.DataFrame:
    return records if day < 10 else records.assign(shop="a new one")


def gone(day: int, records: pd.DataFrame) -> pd.DataFrame:
    return records if day < 10 else records.assign(gaps=None)


@pytest.mark.parametrize(
    ("change", "kind", "cause"),
    [(scaled, "covariate", "number"), (elsewhere, "quality", "shop"), (gone, "quality", "gaps")],
)
def test_an_injected_change_is_named(tmp_path: Path, bundles, change: Any, kind: str, cause: str) -> None:
    lines, _ = weeks_of_log(bundles["binary"], "binary", 21, change)
    live = seen(tmp_path, bundles["binary"], lines, None, 21)
    first = live.findings.alarms[0]
    assert (first.kind, first.suspects[0], first.action) == (kind, cause, "ticket")
    assert first.raised >= FIRST + pd.Timedelta(days=10)
    assert first.open


def test_a_model_that_has_become_wrong_is_told_by_its_labels_alone(tmp_path: Path, bundles) -> None:
    lines, labels = weeks_of_log(bundles["binary"], "binary", 28)
    day = labels["request_id"].str.split("-").str[0].astype(int)
    wrong = labels.assign(level=labels["level"].where(day < 14, 1 - labels["level"]))
    alarms = seen(tmp_path, bundles["binary"], lines, wrong, 28).findings.alarms
    assert [(alarm.kind, alarm.action) for alarm in alarms] == [("concept", "retrain")]
    assert alarms[0].raised >= FIRST + pd.Timedelta(days=14 + DELAY)  # no label of those days was known before


def test_a_log_without_values_is_watched_by_score_and_decision(tmp_path: Path, bundles) -> None:
    servable = bundles["binary"]
    lines, _ = weeks_of_log(servable, "binary", 14, values=False)
    live = seen(tmp_path, servable, lines, None, 14)
    assert live.subject.unwatched == list(servable.features)
    assert {one.axis.kind for one in live.reference.axes} == {"score", "decision"}
    assert live.findings.alarms == []


def test_refused_requests_are_a_fault_of_the_data(tmp_path: Path, bundles) -> None:
    servable = bundles["binary"]
    lines, _ = weeks_of_log(servable, "binary", 14)
    lines += [refused(servable, FIRST + pd.Timedelta(days=13, hours=n), "shop", "missing_name") for n in range(20)] * 3
    (alarm,) = seen(tmp_path, servable, lines, None, 14).findings.alarms
    assert (alarm.kind, alarm.suspects, alarm.action) == ("schema", ("shop",), "page")


def test_a_day_that_is_not_over_is_no_fall_in_volume(tmp_path: Path, bundles) -> None:
    lines, _ = weeks_of_log(bundles["binary"], "binary", 14)
    live = seen(tmp_path, bundles["binary"], lines, None, 13.01)
    assert live.findings.counts.days == 14
    assert live.days["volume_ratio"].isna().iloc[-1]


def test_a_service_that_nobody_has_asked_is_watched_too(tmp_path: Path, bundles) -> None:
    live = seen(tmp_path, bundles["binary"], [], None, 3)
    assert (live.findings.counts.days, live.last_record, live.findings.windows) == (0, None, [])
