import dataclasses
import shutil

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.problem.loading import fill
from problems.transactions import PROBLEM
from tests.helpers_model import params, run_stages, start_project, write_params

FEATURES = "data/features/features.parquet"
DELAY = pd.Timedelta(days=7)


@pytest.fixture(scope="module")
def featurized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("featurized")
    start_project(folder)
    run_stages(folder, "featurize")
    return folder


@pytest.fixture
def project(featurized, tmp_path):
    return shutil.copytree(featurized, tmp_path / "project")


def split(folder, changes=None):
    write_params(folder, changes)
    run_stages(folder, "split")
    return tuple(read_table(folder / f"data/splits/{name}.parquet") for name in ("train", "folds", "test"))


def change(folder, edit):
    write_table(edit(read_table(folder / FEATURES)), folder / FEATURES)


def test_the_final_windows_are_those_of_params(project):
    train, _, test = split(project)
    assert (train["tx_time"].dt.floor("D").min(), train["tx_time"].dt.floor("D").max()) == (
        pd.Timestamp("2018-05-06"),
        pd.Timestamp("2018-05-12"),
    )
    assert test["tx_time"].dt.floor("D").unique().tolist() == list(pd.date_range("2018-05-20", "2018-05-26"))


def test_every_fold_learns_only_what_is_known_and_before_the_test_window(project):
    _, folds, test = split(project, {"split.folds": 3, "split.train_days": 4})
    assert folds["fold"].unique().tolist() == [1, 2, 3]
    ends = folds.groupby(["fold", "role"])["tx_time"].agg(["min", "max"]).unstack("role")
    assert (ends["max", "train"] + DELAY <= ends["min", "valid"]).all()
    assert ends["max", "valid"].max() + DELAY <= test["tx_time"].min()
    assert ends["max", "valid"].is_monotonic_increasing


def test_blocked_cards_are_judged_only_where_params_say_so(project):
    kept, everything = split(project)[2], split(project, {"split.drop_known_entities": False})[2]
    assert set(kept["transaction_id"]) < set(everything["transaction_id"])
    assert len(everything) == everything["tx_time"].between("2018-05-20", "2018-05-27", inclusive="left").sum()


def test_what_a_rule_leaves_out_is_counted_and_said(project, capsys):
    kept = split(project)[2]
    figures, said = read_json(project / "metrics/split/split.json")["split"], capsys.readouterr().out
    everything = split(project, {"split.drop_known_entities": False})[2]
    assert figures["test_rows"] == len(kept)
    assert figures["test_rows_left_out"] == len(everything) - len(kept) > 0
    assert figures["test_positives"] == kept["is_fraud"].sum()
    assert f"split: {figures['test_rows_left_out']:,} of {len(everything):,} payments of the test window are" in said
    assert read_json(project / "metrics/split/split.json")["split"]["test_rows_left_out"] == 0
    assert "left out" not in capsys.readouterr().out


def test_a_problem_that_does_not_ask_for_it_loses_no_record(project):
    problem = dataclasses.replace(PROBLEM, defaults={"split": {"train_days": 7}})
    assert not fill(params().split, problem, "split").drop_known_entities


def test_records_after_the_test_window_change_nothing(project):
    before = split(project)
    change(project, lambda table: table[table["tx_time"] < "2018-05-28"])
    for one, other in zip(before, split(project), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_feature_that_is_the_label_stops_the_stage_and_is_named(project):
    change(project, lambda table: table.assign(customer_since_large_10d=table["is_fraud"] * 10))
    with pytest.raises(PipelineError, match=r"leak alarm: alone, customer_since_large_10d \(1\.000\).*max_feature_auc"):
        split(project)
    assert not (project / "data/splits/train.parquet").exists()


def test_features_whose_sum_is_the_label_stop_the_stage(project):
    run = "terminal_fraud_run_30d"
    change(project, lambda table: table.assign(amount_ratio=table["is_fraud"] - table[run] * 0.5))
    with pytest.raises(PipelineError, match=rf"leak alarm: a weighted sum of amount_ratio, {run} equals is_fraud"):
        split(project, {"split.max_feature_auc": 1.0})


def test_a_label_delay_beyond_that_of_a_feature_is_refused(project):
    with pytest.raises(PipelineError, match=r"feature 'terminal_since_genuine' sees labels 7 days old.*delay_days = 9"):
        split(project, {"split.delay_days": 9})


def test_too_few_days_are_refused_with_the_dates(project):
    with pytest.raises(PipelineError, match=r"need records from 2018-01-28 .* but they are from 2018-04-01"):
        split(project, {"split.folds": 12, "split.train_days": 14})


@pytest.mark.parametrize("label", [0, 1])
def test_windows_with_one_class_only_are_refused(project, label):
    change(project, lambda table: table.assign(is_fraud=label))
    with pytest.raises(PipelineError, match=r"from 2018-\S+ .* do not have both classes; take longer windows"):
        split(project, {"split.drop_known_entities": label == 0})
