from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from lifecycle.audit.ageing import staleness, windows_of_age
from lifecycle.core.params import SplitParams
from lifecycle.splits.time_windows import TimeWindow
from tests.helpers_audit import people, scored

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2020-03-01")
SPLIT = SplitParams(
    folds=2, train_days=7, delay_days=3, test_days=5, test_start=None, drop_known_entities=True, max_feature_auc=0.95
)
FINAL = TimeWindow(START - 10 * DAY, START - 3 * DAY, START, START + 5 * DAY)


def test_windows_follow_each_other_up_to_the_test_window_and_labels_of_training_are_known():
    found = windows_of_age(SPLIT, FINAL, START - 100 * DAY, 4)
    assert len(found) == 4
    assert found[-1] == FINAL
    assert all(b.test_start == a.test_end for a, b in pairwise(found))
    assert all(one.test_start - one.train_end == 3 * DAY for one in found)
    assert all(one.train_end - one.train_start == 7 * DAY for one in found)


@pytest.mark.parametrize(("before", "number"), [(10, 1), (14.9, 1), (15, 2), (20, 3), (999, 10)])
def test_there_are_as_many_windows_as_records_reach_back_for(before, number):
    first = START - before * DAY
    found = windows_of_age(SPLIT, FINAL, first, 10)
    assert len(found) == number
    assert found[0].train_start >= first or number == 1


def aged(losses, samples=100):
    windows = windows_of_age(SPLIT, FINAL, START - 200 * DAY, len(losses))
    parts = [scored(800, seed=seed) for seed in range(len(losses))]
    noise = np.random.default_rng(0)
    scores = [p["score"].to_numpy() + lost * noise.random(len(p)) for p, lost in zip(parts, losses, strict=True)]
    return staleness(parts, windows, people(), scores, (samples, 1)), parts, scores


def test_each_window_has_its_own_figure_with_an_interval_and_its_age():
    found, parts, scores = aged([0, 0, 0])
    table = found.table
    assert table["age_days"].tolist() == [3, 8, 13]
    expected = [average_precision_score(part["label"], score) for part, score in zip(parts, scores, strict=True)]
    assert table["average_precision"].tolist() == pytest.approx(expected)
    assert (table["average_precision_low"] < table["average_precision"]).all()
    assert (table["average_precision"] < table["average_precision_high"]).all()
    assert found.slope[0] == pytest.approx(np.polyfit([0, 1, 2], expected, 1)[0])


def test_a_model_that_loses_with_age_has_a_slope_below_zero_beyond_noise():
    falling, steady = aged([0, 1, 2, 3, 4])[0].slope, aged([0, 0, 0, 0, 0])[0].slope
    assert falling[1] < falling[0] < falling[2] < 0
    assert steady[1] < 0 < steady[2]


def test_one_window_has_no_slope():
    assert np.isnan(aged([0])[0].slope).all()
