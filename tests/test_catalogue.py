import contextlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lifecycle.core.tables import read_table, write_model, write_table
from lifecycle.explanation import feature_overview as script
from lifecycle.features.feature_contract import catalogue
from lifecycle.models.families import build
from lifecycle.models.training import fit
from problems import creditcard
from problems.transactions import PROBLEM
from tests.helpers_model import ROOT, run_stages, start_project, write_params

ENTRIES = catalogue(PROBLEM.features, PROBLEM.columns, frozenset(PROBLEM.label_columns))
NAMES = [entry.name for entry in ENTRIES]
WORDS = ["name", "type", "unit", "entity", "latency", "definition"]
ON_TRAIN, ON_TEST = ["null_share", "auc_alone"], ["importance", "low", "high"]


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue")
    start_project(folder)
    run_stages(folder, "featurize", "split")
    return {name: read_table(folder / f"data/splits/{name}.parquet") for name in ("train", "test")}


def table(folder, train=None, test=None, seen=None, problem=PROBLEM):
    """Return the catalogue in a folder where these tables are, and a model that has learned these columns."""
    for name, rows in (("train", train), ("test", test)):
        if rows is not None:
            write_table(rows, folder / f"data/splits/{name}.parquet")
    if seen is not None:
        model = build("extra_trees", "binary", 0, {"n_estimators": 10, "max_depth": 6}, train[seen])
        write_model(fit(model, train[seen], train["is_fraud"]), folder / "models/model.joblib")
    with contextlib.chdir(folder):
        return script.table(problem)


def test_before_anything_has_run_features_are_told_in_words(tmp_path):
    listed = table(tmp_path)
    assert list(listed) == WORDS
    assert [tuple(row) for row in listed.to_numpy()] == ENTRIES


def test_with_training_rows_gaps_and_what_each_feature_tells_alone_are_listed(tmp_path, splits):
    train = splits["train"].copy()
    train.loc[train.index[::4], "amount_ratio"] = np.nan
    listed = table(tmp_path, train).set_index("name")
    assert list(listed) == WORDS[1:] + ON_TRAIN
    assert listed.loc["amount_ratio", "null_share"] == pytest.approx(0.25, abs=0.01)
    assert (listed["null_share"].drop("amount_ratio") == 0).all()
    area = roc_auc_score(train["is_fraud"], train["amount"])
    assert listed.loc["amount", "auc_alone"] == pytest.approx(max(area, 1 - area))


def test_with_a_model_what_it_relies_on_is_listed_and_nothing_of_what_it_does_not_see(tmp_path, splits):
    seen = [name for name in PROBLEM.feature_names if name != "amount_ratio"]
    listed = table(tmp_path, **splits, seen=seen).set_index("name")
    assert list(listed) == WORDS[1:] + ON_TRAIN + ON_TEST
    assert set(listed.index[listed["importance"].notna()]) == set(seen)
    assert listed.loc["amount", ["low", "importance", "high"]].is_monotonic_increasing
    assert listed.loc["amount", "importance"] > 0.02
    pd.testing.assert_frame_equal(listed, table(tmp_path).set_index("name"))


def test_tables_of_an_earlier_list_tell_what_they_can(tmp_path, splits):
    earlier = {name: rows.drop(columns="amount_ratio") for name, rows in splits.items()}
    listed = table(tmp_path, **earlier, seen=["amount"]).set_index("name")
    assert listed["auc_alone"].isna()[NAMES].tolist() == [name == "amount_ratio" for name in NAMES]
    assert list(listed.index[listed["importance"].notna()]) == ["amount"]


def test_a_model_of_other_columns_tells_nothing(tmp_path, splits):
    table(tmp_path, **splits, seen=["amount", "amount_ratio"])
    listed = table(tmp_path, test=splits["test"].drop(columns="amount_ratio"))
    assert not set(ON_TEST) & set(listed)


def test_tables_of_another_problem_tell_nothing(tmp_path, splits):
    listed = table(tmp_path, **splits, seen=["amount"], problem=creditcard.PROBLEM)
    assert list(listed) == WORDS
    assert len(listed) == len(creditcard.PROBLEM.feature_names)


def test_text_has_no_area(splits):
    rows = splits["train"].assign(shop=["a", "b"] * (len(splits["train"]) // 2) + ["a"] * (len(splits["train"]) % 2))
    found = script.on_training_rows(rows, ["shop", "amount"], "is_fraud")
    assert found["auc_alone"].isna().to_dict() == {"shop": True, "amount": False}
    assert found["null_share"].tolist() == [0, 0]


def test_the_command_prints_one_line_for_each_column_with_the_definition_last(tmp_path):
    write_params(tmp_path)
    command = [sys.executable, str(ROOT / "src/mlops.py"), "features"]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    lines = [line.rstrip() for line in printed.splitlines()]
    assert [line.split()[0] for line in lines] == ["name", *NAMES]
    assert all(line.endswith(f" {entry.definition}") for line, entry in zip(lines[1:], ENTRIES, strict=True))
    assert len({line.index(entry.definition) for line, entry in zip(lines[1:], ENTRIES, strict=True)}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
