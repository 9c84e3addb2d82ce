import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.splits.time_windows import Timing
from tests.helpers_model import params
from tests.helpers_targets import INTERVAL, measured, of_numbers, window_of

TASK = task_of(of_numbers())
WEEKLY = Timing(pd.Timedelta(0), 7.0)


def validation(rows=400, folds=4):
    """Return what `train` writes of some weeks."""
    week = np.repeat(np.arange(folds), rows // folds)
    times = pd.Timestamp("2020-01-01") + pd.to_timedelta(7 * week, "D")
    return measured(rows).drop(columns=["low", "high"]).assign(time=times, fold=week + 1)


def choose(table, timing=WEEKLY, coverage=0.9):
    return TASK.choose(table, params(decide__coverage=coverage).decide, timing)


def reach(misses, coverage):
    """Return the smallest miss that enough of them are not above, counted one by one."""
    return min(m for m in misses if (misses <= m).sum() >= (len(misses) + 1) * coverage - 1e-9)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_the_half_width_is_that_of_all_validation_records(coverage):
    table = validation()
    found = choose(table, coverage=coverage)
    misses = (table["score"] - table["label"]).abs()
    assert found.decision.half_width == found.figures["half_width"] == reach(misses, coverage)
    assert f"{coverage:.1%} of the truths" in TASK.decision_in_words(found.figures)


@pytest.mark.parametrize("timing", [WEEKLY, Timing()], ids=["in time", "drawn"])
def test_what_intervals_of_known_records_hold_of_others_is_counted(timing):
    table = validation()
    misses, week = (table["score"] - table["label"]).abs().to_numpy(), table["fold"].to_numpy()
    held = []
    for own in (1, 2, 3, 4):
        known = misses[week < own if timing is WEEKLY else week != own]
        held += (misses[week == own] <= reach(known, 0.9)).tolist() if len(known) else []
    assert choose(table, timing).decision.coverage_out_of_time == pytest.approx(np.mean(held))


def test_nine_known_records_are_enough_for_nine_in_ten_and_eight_are_not():
    table = validation(40).assign(fold=np.repeat([1, 2], [9, 31]))
    times = table["time"].min() + pd.to_timedelta(7 * table["fold"], "D")
    assert choose(table.assign(time=times)).decision.coverage_out_of_time is not None
    assert choose(table.iloc[1:].assign(time=times.iloc[1:])).decision.coverage_out_of_time is None
    with pytest.raises(PipelineError, match=r"decide\.coverage = 0\.9: 8 validation records are too few; it takes 9"):
        choose(table.iloc[:8].assign(time=times.iloc[:8]))


def test_one_window_holds_nothing_out():
    assert choose(validation(folds=1)).decision.coverage_out_of_time is None


def test_the_table_by_coverage_has_the_chosen_one_on_its_line():
    found = choose(validation()).tables["half_width"].set_index("coverage")["half_width"]
    assert found[0.9] == choose(validation()).decision.half_width
    assert found.is_monotonic_increasing
    few = choose(validation(12), coverage=0.5).tables["half_width"]
    assert few["coverage"].max() == 0.9  # more would take 19 records


def test_an_interval_lies_around_each_prediction():
    table = measured()
    assert list(table)[-3:] == ["score", "low", "high"]
    np.testing.assert_array_equal(table["low"], table["score"] - 1.5)
    np.testing.assert_array_equal(table["high"], table["score"] + 1.5)


def test_the_baselines_are_the_linear_model_the_mean_and_the_last_value_of_each_entity():
    scored = measured(rows=300, cards=20).assign(baseline_score=lambda table: table["label"] + 0.5)
    train = pd.DataFrame({"card": [0, 1, 0, 2], "label": [1.0, 20.0, 22.0, 21.0]})
    last = scored["card"].map({0: 22.0, 1: 20.0, 2: 21.0}).fillna(16.0)
    expected = {"ridge": scored["label"] + 0.5, "mean": np.full(300, 16.0), "last_value": last}
    found = TASK.baselines(scored, train)
    assert found == pytest.approx({name: r2_score(scored["label"], values) for name, values in expected.items()})
    assert list(task_of(of_numbers(entity=None)).baselines(scored, train)) == ["ridge", "mean"]
    assert TASK.losing_to(0.0, {"a": 0.1, "b": -0.1, "c": 0.0}) == {"a": 0.1}


def test_tables_hold_pairs_that_there_are_and_every_residual():
    table = measured()
    tables = TASK.plot_tables(window_of(table, of_numbers(), INTERVAL))
    pairs = set(zip(table["score"], table["label"], strict=True))
    assert set(zip(*tables["predicted_actual"].to_numpy().T, strict=True)) <= pairs
    assert tables["residuals"]["records"].sum() == len(table)


@pytest.mark.parametrize("score", [None, 20.0], ids=["as predicted", "always the same"])
def test_the_picture_is_drawn_and_has_the_same_bytes_again(tmp_path, score):
    table = measured() if score is None else measured().assign(score=score, low=score - 1, high=score + 1)
    for name, one in TASK.plot_tables(window_of(table, of_numbers(), INTERVAL)).items():
        write_csv(one, tmp_path / f"{name}.csv")
    write_csv(choose(validation()).tables["half_width"], tmp_path / "half_width.csv")
    drawn = []
    for name, decision in (("one", INTERVAL), ("two", INTERVAL), ("other", choose(validation()).decision)):
        TASK.draw(tmp_path, tmp_path, decision, tmp_path / f"{name}.png")
        drawn.append((tmp_path / f"{name}.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]
