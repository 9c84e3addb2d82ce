"""The windows that limits are learned from: none that was trained on, and never a crash for want of them."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.tables import write_table
from lifecycle.monitoring.detectors.backtest import (
    COUNTED_AS,
    FEATURES,
    SINCE,
    TEST,
    Scorer,
    calibrated,
    drawn_run,
    runs_in_time,
)
from lifecycle.monitoring.detectors.refusals import QUARANTINE
from lifecycle.splits.time_windows import DAY
from tests.helpers_model import params
from tests.lifecycle.monitoring.helpers_streams import DECISION, FIRST, LIMITS, PROBLEM, TASK, TIME, visits

ALL = 120  # days of records
SCORER = Scorer(("amount", "age", "shop"), lambda rows: rows["score"].to_numpy(), DECISION)


def split(**changes):
    times = {
        "split__strategy": "time", "split__train_days": 20, "split__delay_days": 5, "split__test_days": 7,
        "split__folds": 2, "split__test_start": str((FIRST + 100 * DAY).date()), "split__window": "sliding",
        "split__drop_known_entities": False,
    }  # fmt: skip
    return params(**times | {f"split__{key}": value for key, value in changes.items()}).split


@pytest.fixture
def project(tmp_path):
    records = visits(FIRST, ALL, 0, per_day=40)
    write_table(records, tmp_path / FEATURES)
    write_table(records.head(0).assign(source_row=0, reason=""), tmp_path / QUARANTINE)
    with contextlib.chdir(tmp_path):
        yield records


def test_windows_end_with_the_test_and_leave_out_the_training(project):
    before, after = runs_in_time(PROBLEM, split(), LIMITS)
    assert (after.first, after.days) == (FIRST + 100 * DAY, 7)
    assert (before.first, before.days) == (FIRST + (75 - 70) * DAY, 70)
    trained = project[TIME].between(FIRST + 75 * DAY, FIRST + 95 * DAY, inclusive="left")
    seen = pd.concat([before.records, after.records])["visit"]
    assert not set(project["visit"][trained]) & set(seen)
    assert len(after.records) == 7 * 40


def test_no_more_windows_than_params_ask_for(project):
    limits = LIMITS.model_copy(update={"backtest_windows": 8, "window_days": 3})
    before, after = runs_in_time(PROBLEM, split(), limits)
    assert (before.days, after.days) == (12, 12)
    assert after.first == FIRST + 95 * DAY


def test_windows_are_cut_at_midnight(project):
    for run in runs_in_time(PROBLEM, split(test_days=7.25, train_days=20.5), LIMITS):
        assert run.first == run.first.floor("D")


def test_entities_that_were_known_are_left_out_as_in_the_test(project):
    whole = runs_in_time(PROBLEM, split(), LIMITS)
    fewer = runs_in_time(PROBLEM, split(drop_known_entities=True), LIMITS)
    for one, other in zip(whole, fewer, strict=True):
        assert (one.first, one.days) == (other.first, other.days)
        assert 0 < len(other.records) < len(one.records)
        assert set(other.records["visit"]) < set(one.records["visit"])


@pytest.mark.parametrize("window_days", [1, 7, 13, 92])
def test_a_reference_comes_of_any_length_of_window(project, window_days):
    limits = LIMITS.model_copy(update={"window_days": window_days})
    found = calibrated(TASK, split(), SCORER, limits)
    assert found.window_days == window_days
    assert found.is_calibrated == (window_days <= 7)
    assert {one.axis.name for one in found.of("feature")} == {"amount", "age", "shop"}
    assert {one.axis.name for one in found.of("decision")} == {"alert"}
    assert sum(found.axes[0].shares) == pytest.approx(1)


def test_usual_refusals_are_learned(project):
    rows = np.arange(0, len(project), 10)
    refused = project.iloc[rows].drop(columns="score").assign(source_row=rows, reason="amount: below 0")
    write_table(refused, QUARANTINE)
    found = calibrated(TASK, split(), SCORER, LIMITS)
    assert found.rejected == {"amount": pytest.approx(4 / 44)}


def test_drawn_records_are_cut_into_days_of_the_same_size(project):
    run = drawn_run(project.head(1000), LIMITS)
    sizes = run.records[COUNTED_AS].value_counts()
    assert (run.first, run.days) == (SINCE, 84)
    assert set(sizes) <= {11, 12}
    assert len(sizes) == 84
    assert drawn_run(project.head(0), LIMITS).records.empty


@pytest.mark.parametrize("rows", [1, 50, 3000])
def test_drawn_records_have_limits_but_none_of_volume(project, rows):
    write_table(project.head(rows), TEST)
    found = calibrated(TASK, split(strategy="random"), SCORER, LIMITS)
    assert found.is_calibrated
    assert found.volume == ()
    assert all(one.limit > 0 for one in found.axes)
