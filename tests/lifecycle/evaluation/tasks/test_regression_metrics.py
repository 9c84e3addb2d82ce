from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from lifecycle.audit.group_metrics import Groups
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.regression_metrics import r2
from tests.helpers_model import quick
from tests.helpers_targets import INTERVAL, measured, of_numbers, window_of

TASK = task_of(of_numbers())


def scored(**made):
    return window_of(measured(**made), of_numbers(), INTERVAL)


def expected(window, w):
    """Compute the figures of weighted rows with scikit-learn."""
    truth, weighted = window.target, {"sample_weight": w}
    tails = [(0.05, window.low), (0.95, window.high)]  # of an interval that holds 90 %
    return {
        "r2": sk.r2_score(truth, window.score, **weighted),
        "mae": sk.mean_absolute_error(truth, window.score, **weighted),
        "rmse": sk.root_mean_squared_error(truth, window.score, **weighted),
        "bias": np.average(window.score - truth, weights=w),
        "pinball_loss": np.mean([sk.mean_pinball_loss(truth, end, alpha=level, **weighted) for level, end in tails]),
        "coverage": np.average(np.abs(truth - window.score) <= 1.5, weights=w),
        "interval_width": 3.0,
    }


@given(st.integers(0, 10_000), st.booleans())
@quick
def test_every_figure_agrees_with_scikit_learn_for_resampled_rows_too(seed, resampled):
    window = scored(rows=300, cards=30, seed=seed)
    copies = np.random.default_rng(seed).integers(0, 4, window.units) if resampled else None
    w = np.ones(300) if copies is None else copies[window.entity].astype(float)
    assert TASK.figures(window, copies) == pytest.approx(expected(window, w), abs=1e-9)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_the_explained_share_has_no_unit_and_no_zero(unit, shift):
    window = scored()
    moved = replace(window, target=unit * (window.target + shift), score=unit * (window.score + shift))
    assert TASK.figures(moved)["r2"] == pytest.approx(TASK.figures(window)["r2"], rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 1e-9, 7e8])
def test_of_a_target_that_does_not_vary_nothing_is_explained(value):
    window = scored()
    flat = replace(window, target=np.full(900, value))
    assert np.isnan(TASK.figures(flat)["r2"])
    assert TASK.figures(flat)["mae"] == pytest.approx(np.abs(window.score - value).mean())


@pytest.mark.parametrize("offset", [1.0, 1e4, 1e8])
def test_nor_is_anything_of_a_group_that_does_not_vary_however_far_it_is_from_the_others(offset):
    window = scored(rows=30_000)
    group = np.where(window.entity % 3 == 0, "flat", "other")
    target = np.where(group == "flat", window.target.mean() + offset / 3, window.target)
    flat, other = r2(Groups(replace(window, target=target), pd.Series(group).astype("category")).sample())
    assert np.isnan(flat)
    rows = group == "other"
    assert other == pytest.approx(sk.r2_score(target[rows], window.score[rows]), rel=1e-3)


def test_an_end_of_an_interval_belongs_to_it():
    window = scored()
    edge = replace(window, low=window.target, high=window.target)
    assert TASK.figures(edge)["coverage"] == 1
    assert TASK.figures(replace(edge, low=np.nextafter(window.target, np.inf)))["coverage"] == 0


def test_intervals_without_width_lose_what_quantiles_lose():
    window = scored()
    found = TASK.figures(replace(window, low=window.score, high=window.score))
    assert (found["interval_width"], found["coverage"]) == (0, 0)
    assert found["pinball_loss"] == pytest.approx(found["mae"] / 2)


def test_perfect_predictions_have_the_best_figures():
    window = scored()
    found = TASK.figures(replace(window, score=window.target))
    assert (found["r2"], found["mae"], found["rmse"], found["bias"]) == (1, 0, 0, 0)


def test_each_figure_has_a_meaning_and_a_direction():
    assert all(TASK.meaning(name) and TASK.label(name) for name in TASK.metrics)
    directions = [TASK.direction(name) for name in TASK.metrics]
    assert dict(zip(TASK.metrics, directions, strict=True)) == {
        "r2": 1, "mae": -1, "rmse": -1, "bias": 0, "pinball_loss": -1, "coverage": 0, "interval_width": -1,
    }  # fmt: skip
