import gzip

import numpy as np
import pandas as pd
import pytest

from lifecycle.bundle import source_preparation
from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.score_file import score_file
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.models.prediction import predict
from tests.helpers_data import creditcard_table
from tests.helpers_task_bundles import (
    CLASSES,
    TASKS,
    creditcard_bundle,
    pipeline_of,
    records_of,
    task_bundle,
    with_features,
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {task: task_bundle(folder / task, task) for task in TASKS}


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return creditcard_bundle(tmp_path_factory.mktemp("cards") / "bundle")


def scored(servable, source, **how):
    score_file(servable, source, source.with_name("out"), **how)
    assert not list(source.parent.glob(".out*"))
    return pd.read_parquet(source.with_name("out"))


def refused(servable, source, **how):
    with pytest.raises(PipelineError) as found:
        score_file(servable, source, source.with_name("out"), **how)
    assert not [path for path in source.parent.iterdir() if path.name.startswith((".out", "out"))]
    return str(found.value)


def csv(folder, table, name="in.csv", **how):
    table.to_csv(folder / name, index=False, **how)
    return folder / name


RESULTS = {
    "binary": ["score", "probability", "alert"],
    "multiclass": [f"{name}_{k}" for name in ("score", "probability") for k in range(4)] + ["decided", "decided_class"],
    "regression": ["score", "low", "high"],
}


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("task", TASKS)
def test_each_kind_has_its_columns_with_the_bits_of_the_pipeline(bundles, tmp_path, task, form):
    records = records_of(task, 400, seed=9)
    records.to_parquet(tmp_path / "in.parquet")
    source = csv(tmp_path, records) if form == "csv" else tmp_path / "in.parquet"
    found = scored(bundles[task], source)
    assert list(found) == ["row_number", *RESULTS[task]]
    assert found["row_number"].tolist() == list(range(400))
    expected = predict(pipeline_of(task), with_features(records))
    columns = [name for name in found if name.startswith("score")]
    np.testing.assert_array_equal(found[columns].to_numpy().reshape(expected.shape), expected)
    decided = bundles[task].score(as_batch(bundles[task], with_features(records)))
    for name, values in zip(decided._fields, decided, strict=True):
        if values.ndim == 1:
            np.testing.assert_array_equal(found[name], values)


def test_a_class_is_named_and_none_where_a_person_decides(bundles, tmp_path):
    found = scored(bundles["multiclass"], csv(tmp_path, records_of("multiclass", 400, seed=9)))
    named = found["decided_class"].astype(object).where(found["decided_class"].notna(), None)
    assert named.tolist() == [(*CLASSES, None)[code] for code in found["decided"]]
    assert set(found["decided"]) >= {-1, 0, 1, 2}


def test_a_whole_table_is_scored_whatever_else_it_has(bundles, tmp_path):
    records = records_of("binary")
    expected = scored(bundles["binary"], csv(tmp_path, records))
    whole = records.assign(income=["secret"] * 300, level="?", remark="x", more="y")
    pd.testing.assert_frame_equal(scored(bundles["binary"], csv(tmp_path, whole)), expected)
    whole.to_parquet(tmp_path / "in.parquet")
    pd.testing.assert_frame_equal(scored(bundles["binary"], tmp_path / "in.parquet"), expected)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_other_names_and_defaults_are_those_of_the_contract(bundles, tmp_path, form):
    records = records_of("regression")
    expected = scored(bundles["regression"], csv(tmp_path, records.assign(street="street 0")))
    source = records.drop(columns="street").rename(columns={"number": "Number (%)"})
    source.to_parquet(tmp_path / "in.parquet")
    path = csv(tmp_path, source) if form == "csv" else tmp_path / "in.parquet"
    pd.testing.assert_frame_equal(scored(bundles["regression"], path), expected)


def test_csv_may_be_packed_and_written_otherwise(bundles, tmp_path):
    records = records_of("regression")
    expected = scored(bundles["regression"], csv(tmp_path, records))
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress((tmp_path / "in.csv").read_bytes()))
    pd.testing.assert_frame_equal(scored(bundles["regression"], tmp_path / "in.csv.gz"), expected)
    source = csv(tmp_path, records, sep=";", decimal=",")
    options = CsvParams(separator=";", skip_lines=0, decimal=",")
    pd.testing.assert_frame_equal(scored(bundles["regression"], source, options=options), expected)
    (tmp_path / "out").unlink()
    assert "set ingest.csv.separator to it" in refused(bundles["regression"], source)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": "much"}, "row 2 (the first is 0), column number: not of type number"),
        ({"number": ""}, "row 2 (the first is 0), column number: is missing"),
        ({"number": "1e999"}, "row 2 (the first is 0), column number"),
    ],
)
def test_a_cell_that_can_t_be_scored_is_named(bundles, tmp_path, change, words):
    records = records_of("regression").astype(object)
    records.loc[2, list(change)] = list(change.values())
    assert words in refused(bundles["regression"], csv(tmp_path, records))


def test_a_column_that_is_missing_or_there_twice_is_named(bundles, tmp_path):
    records = records_of("regression")
    assert "no column number" in refused(bundles["regression"], csv(tmp_path, records.drop(columns="number")))
    twice = records.assign(**{"Number (%)": 0.5})
    assert "more than one column number" in refused(bundles["regression"], csv(tmp_path, twice))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_columns_that_the_problem_makes_are_made(cards, tmp_path, form):
    table = creditcard_table(40).drop(columns="Class")
    table.to_parquet(tmp_path / "in.parquet")
    found = scored(cards, csv(tmp_path, table) if form == "csv" else tmp_path / "in.parquet")
    assert found["record_id"].tolist() == list(range(40))
    assert found["tx_time"].tolist() == (pd.Timestamp("2013-09-01") + pd.to_timedelta(table["Time"], unit="s")).tolist()
    made = table.assign(hour=found["tx_time"].dt.hour.astype(float))
    np.testing.assert_array_equal(found["score"], cards.score(as_batch(cards, made)).score)


def test_a_file_with_made_columns_needs_no_prepare(cards, tmp_path, monkeypatch):
    monkeypatch.setattr(source_preparation, "PROBLEMS", tmp_path)
    table = creditcard_table(40).drop(columns=["Class", "Time"]).assign(tx_time="2013-09-01T05:00:00")
    assert next(iter(scored(cards, csv(tmp_path, table)))) == "tx_time"


def test_prepare_that_is_not_the_bundle_s_is_not_run(cards, tmp_path, tmp_path_factory, monkeypatch):
    source = csv(tmp_path, creditcard_table(4))
    strange = creditcard_bundle(tmp_path_factory.mktemp("strange") / "bundle", known=b"something else")
    said = refused(strange, source)
    assert "src/problems/creditcard.py is not the file that the bundle was made with" in said
    assert "record_id, tx_time" in said
    monkeypatch.setattr(source_preparation, "PROBLEMS", tmp_path)
    assert "src/problems/creditcard.py is not here" in refused(cards, source)


def test_prepare_that_fails_says_where(cards, tmp_path):
    said = refused(cards, csv(tmp_path, creditcard_table(4).drop(columns="Time")))
    assert "src/problems/creditcard.py, line" in said
    assert "`prepare` failed" in said
