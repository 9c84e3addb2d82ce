import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.features.batch import evaluate
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.state import State
from lifecycle.features.partitioned import layout
from lifecycle.problem.window_words import features_of
from problems import creditcard
from problems.transactions import LABEL_DELAY_DAYS, PROBLEM
from tests.helpers_data import creditcard_table
from tests.helpers_model import SMALL, payments, run_stages, start_project, write_params
from tests.helpers_parts import cut

RECORDS, FEATURES = "data/validated/records.parquet", "data/features/features.parquet"
STATE, CONTRACT = "data/features/state.npz", "models/features.json"
NAMES = [name for feature in PROBLEM.features for name in feature.names]
START = pd.Timestamp(SMALL["split.test_start"])
KNOWN = START - pd.Timedelta(days=LABEL_DELAY_DAYS)  # labels of records up to here
REACH = pd.Timedelta(days=60 + 1)  # the longest window, and how late a record may come
PLAN = Plan(PROBLEM.features, PROBLEM.decimals)


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in (FEATURES, STATE, CONTRACT)}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("featurize")
    start_project(folder)
    run_stages(folder, "featurize")
    return folder


@pytest.fixture(scope="module")
def table(project):
    return read_table(project / FEATURES)


@pytest.fixture(scope="module")
def snapshot(project):
    return Snapshot.load(project / STATE)


def test_the_records_stay_and_each_feature_is_a_column_once(table):
    assert list(table) == list(dict.fromkeys([*payments(), *NAMES]))
    pd.testing.assert_frame_equal(table[list(payments())], payments())
    expected = evaluate(PROBLEM.features, payments(), PROBLEM.time, PROBLEM.decimals)
    pd.testing.assert_frame_equal(table[NAMES], expected, check_exact=True)


def test_the_contract_is_that_of_the_list_on_the_training_week(project, table):
    content = read_json(project / CONTRACT)
    week = table[table["tx_time"].between(KNOWN - pd.Timedelta(days=7), KNOWN, inclusive="left")]
    assert features_of(content["declaration"]) == PROBLEM.features
    assert content["rows"] == len(week) > 1000
    for column in content["columns"]:
        for share, value in column["quantiles"].items():
            assert value == np.quantile(week[column["name"]], float(share), method="lower"), column["name"]


def test_the_state_holds_what_windows_can_reach_from_the_test_window_s_start_and_no_label_before_its_time(snapshot):
    records = payments().set_index("transaction_id")
    kept = records.loc[snapshot.key]
    before = records[(records["tx_time"] < START) & (records["tx_time"] > START - REACH)]
    assert snapshot.key.tolist() == before.index.tolist()
    assert len(before) == (records["tx_time"] < START).sum()  # the small table is not as old as the reach
    assert (snapshot.time == kept["tx_time"].astype("datetime64[us]").astype(np.int64)).all()
    known = kept["tx_time"] <= KNOWN
    assert kept["is_fraud"][known].sum() > 100
    assert kept["is_fraud"][~known].sum() > 100
    assert (snapshot.values["is_fraud"] == kept["is_fraud"].where(known, 0)).all()
    assert "fraud_scenario" not in snapshot.values


def test_records_out_of_reach_are_left_out_of_the_state(tmp_path):
    # Sixty days, and half a year later three more: what was known of the cards then can reach no window.
    start_project(tmp_path, {"split.test_start": "2018-12-01", "split.train_days": 1, "split.test_days": 1})
    later = payments().assign(tx_time=payments()["tx_time"] + pd.Timedelta(days=200))
    both = pd.concat([payments(), later], ignore_index=True).assign(transaction_id=range(2 * len(later)))
    write_table(both, tmp_path / RECORDS)
    run_stages(tmp_path, "featurize")
    seen = both[both["tx_time"] < "2018-12-01"]
    assert Snapshot.load(tmp_path / STATE).key.tolist() == seen["transaction_id"][len(later) :].tolist()


def test_a_service_that_starts_from_the_state_gives_the_rows_of_the_table(table, snapshot):
    state = State(PLAN, Schema.of(PROBLEM, PLAN), snapshot)
    coming = table[table["tx_time"] >= START].head(300)
    delay = pd.Timedelta(days=LABEL_DELAY_DAYS)
    until = coming["tx_time"].iloc[-1] - delay
    labels = table[(table["tx_time"] > KNOWN) & (table["tx_time"] <= until)].to_dict("records")
    assert any(label["is_fraud"] for label in labels)
    expected = coming[NAMES].to_dict("records")
    for row, features in zip(coming[list(payments())].to_dict("records"), expected, strict=True):
        while labels and labels[0]["tx_time"] <= row["tx_time"] - delay:
            label = labels.pop(0)
            assert state.label(label["transaction_id"], {"is_fraud": label["is_fraud"]})
        assert (
            state.update({name: value for name, value in row.items() if name not in PROBLEM.label_columns}) == features
        )
    assert expected[-1] != State(PLAN, Schema.of(PROBLEM, PLAN)).update(row)


def test_the_same_records_give_the_same_bytes(project, tmp_path):
    start_project(tmp_path)
    run_stages(tmp_path, "featurize")
    assert bytes_of(tmp_path) == bytes_of(project)


@pytest.mark.parametrize("engine", ["serial", "joblib"])
def test_the_same_bytes_come_out_in_pieces(project, tmp_path, engine):
    write_params(tmp_path, {"featurize.engine": engine})
    with cut(2, 2, row_group=8_000):
        write_table(payments(), tmp_path / RECORDS)
        run_stages(tmp_path, "featurize")
        write_table(read_table(project / FEATURES), tmp_path / "at_once.parquet")
    assert (tmp_path / FEATURES).read_bytes() == (tmp_path / "at_once.parquet").read_bytes()
    assert {**bytes_of(tmp_path), FEATURES: b""} == {**bytes_of(project), FEATURES: b""}
    assert {path.name for path in (tmp_path / "data/features").iterdir()} == {"state.npz", "features.parquet"}


def test_a_budget_that_is_too_small_is_refused_with_the_least_that_is_enough(tmp_path):
    start_project(tmp_path, {"featurize.memory_budget": 0.25})
    with pytest.raises(PipelineError, match=r"a memory budget of 0\.25 GiB is too small") as refused:
        run_stages(tmp_path, "featurize")
    assert not (tmp_path / "data/features").exists()
    least = float(str(refused.value).split("the least is ")[1].split(":")[0])
    start_project(tmp_path, {"featurize.memory_budget": least})
    run_stages(tmp_path, "featurize")


def test_a_budget_holds_for_the_state_too(monkeypatch, tmp_path):
    # What is left to do once the feature table is there takes the most where windows reach far.
    start_project(tmp_path, {"featurize.memory_budget": 0.3})
    monkeypatch.setattr(layout, "FILTER", 10_000)
    with pytest.raises(PipelineError, match="the records that windows of the test window reach"):
        run_stages(tmp_path, "featurize")


def test_a_list_without_windows_has_an_empty_state(tmp_path):
    start_project(tmp_path, {"problem": "creditcard", "split.test_start": None})
    frame = creditcard.prepare(creditcard_table(40_000).assign(Time=np.arange(40_000) * 4.3))
    write_table(frame[list(creditcard.PROBLEM.columns)], tmp_path / RECORDS)
    run_stages(tmp_path, "featurize")
    assert len(Snapshot.load(tmp_path / STATE).time) == 0
    assert features_of(read_json(tmp_path / CONTRACT)["declaration"]) == creditcard.PROBLEM.features


def test_without_validated_records_the_stage_says_what_makes_them(tmp_path):
    write_params(tmp_path)
    with pytest.raises(PipelineError, match=r"data/validated/records\.parquet: no such file; `dvc repro` makes it"):
        run_stages(tmp_path, "featurize")


def test_an_unknown_problem_is_told_with_the_file_that_is_missing(tmp_path):
    start_project(tmp_path, {"problem": "nobodys"})
    with pytest.raises(PipelineError, match=r"problem = 'nobodys': there is no src/problems/nobodys\.py"):
        run_stages(tmp_path, "featurize")


def test_records_that_do_not_reach_far_enough_are_told_before_anything_is_computed(tmp_path):
    start_project(tmp_path, {"split.test_start": "2018-05-27"})
    with pytest.raises(PipelineError, match=r"split: 2 folds of 7 \+ 7 \+ 7 days need records from"):
        run_stages(tmp_path, "featurize")
    assert not (tmp_path / "data/features").exists()
