"""What is read for the decision: the champion's window, the labels since, what is wrong with new records."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_json, write_table
from lifecycle.problem.loading import load_problem
from lifecycle.release.retraining import retraining_situation
from lifecycle.release.retraining.retraining_situation import Evidence, new_record_faults, read_situation
from lifecycle.release.route import Route
from lifecycle.splits.time_windows import DAY
from tests.helpers_data import payments_table
from tests.helpers_model import params

PROBLEM = load_problem("transactions")
FIRST = pd.Timestamp("2018-04-01")
FINDINGS = Path("metrics/monitor")


def records(days, start=0, first_key=0):
    """Return an hourly record of so many days, with keys that follow each other."""
    rows = payments_table(24 * days)
    times = FIRST + start * DAY + pd.to_timedelta(range(24 * days), "h")
    return rows.assign(transaction_id=range(first_key, first_key + len(rows)), tx_time=times)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Give a folder with 60 days of records; champions have learned from days 30 to 36."""
    monkeypatch.chdir(tmp_path)
    write_table(records(60), "data/validated/records.parquet")
    write_json({"alarms": []}, "metrics/monitor/alarms.json")
    return tmp_path


def situation(evidence=None, **changes):
    learned = records(7, start=30)
    champion = SimpleNamespace(name="HEAD", table=lambda path: learned)
    given = params(**{"split__folds": 2, **changes})
    return read_situation(champion, evidence or Evidence(None, FINDINGS), given, PROBLEM)


def test_the_window_is_as_late_as_the_records_allow_whatever_day_is_set(project):
    found, window = situation(split__test_start="2018-05-10")
    assert found.trained_until == FIRST + 37 * DAY
    assert window.test_end == FIRST + 60 * DAY
    assert found.window_end == window.train_end == FIRST + 46 * DAY


def test_labels_count_when_they_are_known_and_not_learned_yet(project):
    found, _ = situation()
    newest = FIRST + 60 * DAY - pd.Timedelta(1, "h")
    expected = [time for time in records(60)["tx_time"] if FIRST + 37 * DAY <= time <= newest - 7 * DAY]
    assert found.new_labels == len(expected)


def test_new_records_move_the_window(project):
    records(5, 60, 24 * 60).to_parquet("new.parquet")
    found, window = situation(Evidence(project / "new.parquet", FINDINGS))
    assert found.faults == []
    assert window.test_end == FIRST + 65 * DAY


def test_new_records_with_known_keys_and_broken_ones_are_a_fault(project):
    records(5, 60, 24 * 60 - 3).assign(amount=-1.0).to_parquet("new.parquet")
    found, _ = situation(Evidence(project / "new.parquet", FINDINGS))
    assert found.faults[0].startswith("120 of 120 new records break the contract")
    assert "amount: below 0; the first is '-1.0' in row 0" in found.faults[0]
    kept = check(records(5, 60, 24 * 60 - 3), PROBLEM, None)
    known = set(range(24 * 60))
    assert new_record_faults(kept, known, PROBLEM, 0.01) == [
        "3 of 120 new records have a transaction_id that an earlier record has"
    ]


def test_parts_that_are_not_cut_in_time_are_told(project):
    with pytest.raises(PipelineError, match=r"split\.strategy = random: `release retrain` moves windows in time"):
        situation(split__strategy="random")


def test_a_champion_whose_records_are_nowhere_is_told(project):
    champion = SimpleNamespace(name="v1.2.0", table=lambda path: None)
    with pytest.raises(PipelineError, match=r"data/splits/train\.parquet of v1\.2\.0: neither the cache nor a remote"):
        read_situation(champion, Evidence(None, FINDINGS), params(split__folds=2), PROBLEM)


def test_a_folder_without_findings_is_told(project):
    with pytest.raises(PipelineError, match=r"nowhere/alarms\.json: no such file"):
        situation(Evidence(None, project / "nowhere"))


@pytest.mark.parametrize("route", [None, Route(1, "single", "abc")])
def test_the_bundle_that_answers_is_the_routes(route, monkeypatch):
    monkeypatch.setattr(retraining_situation, "read_route", lambda folder: route)
    expected = "models/bundle" if route is None else "serving/bundles/abc"
    assert retraining_situation.champion_bundle(params()).as_posix() == expected


@pytest.mark.parametrize("labels", [None, Path("labels.csv")])
def test_with_a_log_the_monitor_looks_now_at_the_version_that_answers(labels, monkeypatch):
    asked = []
    alarm = SimpleNamespace(as_json=lambda: {"class": "concept"})

    class Observer:
        def __init__(self, options, params):
            asked.append((options.log, options.labels, options.bundle))

        def look(self):
            return SimpleNamespace(findings=SimpleNamespace(alarms=[alarm]))

    monkeypatch.setattr(retraining_situation.monitor_command, "Observer", Observer)
    evidence = Evidence(None, FINDINGS, Path("serve.log"), labels)
    assert retraining_situation.read_alarms(evidence, params()) == [{"class": "concept"}]
    assert asked == [(Path("serve.log"), labels, Path("models/bundle"))]
