"""What is said of a group is what would be said of its records alone, for every kind of target."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.audit.group_metrics import Groups
from lifecycle.evaluation.metrics import GROUPS, SLICES
from lifecycle.evaluation.scored_window import Sample
from lifecycle.evaluation.tasks.registry import TASKS, task_of
from tests import helpers_audit
from tests.helpers_model import quick
from tests.helpers_targets import BY_COST, INTERVAL, classified, measured, of_classes, of_numbers, window_of


def made(kind, seed=0, rows=300):
    """Return a kind of target, a table of scores, and its window."""
    if kind == "binary":
        table, problem = helpers_audit.scored(rows, cards=40, seed=seed), helpers_audit.people()
        return task_of(problem), table, helpers_audit.window(table)
    if kind == "multiclass":
        table, problem = classified(rows, 40, seed, BY_COST), of_classes()
        return task_of(problem), table, window_of(table, problem, BY_COST)
    table, problem = measured(rows, 40, seed, noise=(1.0, 3.0)), of_numbers()
    return task_of(problem), table, window_of(table, problem, INTERVAL)


def take(window, rows):
    """Return the window of some records; entities keep their codes."""
    columns = {field.name: getattr(window, field.name) for field in fields(window) if field.init}
    return replace(window, **{name: value[rows] for name, value in columns.items() if isinstance(value, np.ndarray)})


def by_record(groups):
    return pd.Series(pd.Categorical(groups))


@pytest.mark.parametrize("kind", TASKS)
@given(seed=st.integers(0, 10_000), resampled=st.booleans())
@quick
def test_a_figure_of_a_group_is_that_of_its_records_alone(kind, seed, resampled):
    task, table, window = made(kind, seed)
    rng = np.random.default_rng(seed)
    copies = rng.integers(0, 3, window.units) if resampled else None
    label = (table["place"] + rng.choice([" a", " b", " c"], len(table), p=[0.7, 0.2, 0.1])).to_numpy()
    groups = Groups(window, by_record(label))
    sample = groups.sample(copies)
    for metric in dict.fromkeys([*task.metrics_of(SLICES, window), *task.metrics_of(GROUPS, window)]):
        alone = [
            float(np.asarray(metric.function(Sample(take(window, label == name), copies))).item())
            for name in groups.names
        ]
        np.testing.assert_allclose(metric.function(sample), alone, rtol=1e-9, atol=1e-12, err_msg=metric.name)


@pytest.mark.parametrize("kind", TASKS)
def test_one_group_of_all_is_the_window(kind):
    task, table, window = made(kind)
    whole = Groups(window, by_record(["all"] * len(table))).sample()
    figures = task.figures(window)
    for metric in task.metrics_of(SLICES, window):
        if metric.name in figures:
            assert metric.function(whole) == pytest.approx([figures[metric.name]]), metric.name


@pytest.mark.parametrize("kind", TASKS)
def test_a_group_that_a_resample_lacks_has_no_figure_there(kind):
    task, _, window = made(kind)
    label = np.where(window.entity == 0, "one card", "others")
    copies = np.ones(window.units, int)
    copies[0] = 0
    sample = Groups(window, by_record(label)).sample(copies)
    with np.errstate(all="raise"):
        for metric in task.metrics_of(SLICES, window):
            assert np.isnan(metric.function(sample)).tolist() == [True, False], metric.name
