import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from lifecycle.core.ranking import Ranking, roc_auc
from lifecycle.evaluation import plot_tables
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.threshold import cost_curve
from lifecycle.problem.purpose import Words
from tests.helpers_kinds import KINDS, decided, problem
from tests.helpers_model import quick, ranked

WORDS = Words(positive="default", negative="paid")
TARGET, SCORE, _ = ranked(5_000, steps=100_000)
RANKING = Ranking(TARGET, SCORE)


def points(*columns):
    return set(zip(*(np.round(column, 9) for column in columns), strict=True))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=1_000).map(sorted))
@quick
def test_thinning_keeps_the_ends_and_not_many_more_than_asked(values):
    places = plot_tables.thin(np.array(values))
    assert values[places[0]] == values[0]
    assert values[places[-1]] == values[-1]
    assert (np.diff(places) > 0).all()
    assert len(places) <= plot_tables.POINTS + 1


def test_precision_and_recall_lie_on_the_curve_of_scikit_learn():
    table = plot_tables.precision_recall_table(RANKING)
    precision, recall, _ = sk.precision_recall_curve(TARGET, SCORE)
    assert points(table["recall"], table["precision"]) <= points(recall, precision)
    assert (table["recall"].iloc[-1], table["recall"].is_monotonic_increasing) == (1, True)


def test_roc_lies_on_the_curve_of_scikit_learn_and_keeps_its_area():
    table = plot_tables.roc_table(RANKING)
    false_positive_rate, recall, _ = sk.roc_curve(TARGET, SCORE, drop_intermediate=False)
    assert points(*table.to_numpy().T) <= points(false_positive_rate, recall)
    assert table.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    area = np.trapezoid(table["recall"], table["false_positive_rate"])
    assert area == pytest.approx(roc_auc(*RANKING.counts()), abs=0.003)


def test_calibration_has_the_filled_bins_only_and_every_record():
    table = plot_tables.calibration_table(np.array([0, 1, 1, 1]), np.array([0.12, 0.18, 0.97, 1.0]))
    assert table.to_numpy() == pytest.approx(np.array([[0.15, 0.5, 2], [0.985, 1.0, 2]]))


def test_confusion_counts_agree_with_scikit_learn():
    alert = SCORE > 0.5
    table = plot_tables.confusion_table(TARGET, alert.astype(int), ("paid", "default"), ("pass", "alert"))
    assert table["records"].tolist() == sk.confusion_matrix(TARGET, alert).ravel().tolist()
    assert list(zip(table["actual"], table["decided"], strict=True)) == [
        ("paid", "pass"),
        ("paid", "alert"),
        ("default", "pass"),
        ("default", "alert"),
    ]


def test_scores_are_shares_of_each_class():
    table = plot_tables.score_histogram(np.array([0, 0, 1]), np.array([0.0, 0.51, 1.0]), WORDS)
    assert table.groupby("actual")["share"].sum().to_dict() == {"paid": 1, "default": 1}
    filled = table[table["share"] > 0]
    assert filled["score"].tolist() == pytest.approx([0, 0.5, 0.95])
    assert filled["share"].tolist() == [0.5, 0.5, 1]


def test_costs_are_per_record_and_by_ascending_threshold():
    curve = cost_curve(
        TARGET, SCORE, np.full(len(TARGET), 30.0), AlertDecision(Calibration("none"), 0.5, 5.0, 30.0, None, {})
    )
    table = plot_tables.cost_table(curve, len(TARGET))
    assert table["threshold"].is_monotonic_increasing
    assert points(table["threshold"], table["cost_per_record"]) <= points(curve.threshold, curve.cost / len(TARGET))
    assert table["cost_per_record"].min() == pytest.approx(curve.cost.min() / len(TARGET), rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_other_kinds_are_written_without_rows(kind, tmp_path):
    task = task_of(problem(kind))
    chosen, _, window = decided(task)
    tables = {"decide": chosen.tables, "evaluate": task.plot_tables(window)}
    for stage, columns in plot_tables.COLUMNS.items():
        plot_tables.write_tables(tables[stage], tmp_path / stage)
        read = {path.stem: pd.read_csv(path) for path in (tmp_path / stage).iterdir()}
        assert {name: tuple(table.columns) for name, table in read.items()} == columns
        assert {name for name, table in read.items() if len(table)} == set(tables[stage])
