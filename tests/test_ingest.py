import dataclasses
import hashlib

import pandas as pd
import pytest

import ingest
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import IngestParams
from lifecycle.core.section import checked
from lifecycle.problem.loading import load_problem
from lifecycle.problem.window_words import Window
from problems import creditcard, transactions
from problems.generators.card_simulator import simulate
from problems.transactions import PROBLEM
from tests.helpers_data import creditcard_table, payments_table
from tests.helpers_model import run_stages, write_params

SIZE = {"customers": 40, "terminals": 300, "days": 5, "seed": 3}
CSV = {"separator": ",", "skip_lines": 0, "decimal": "."}
RAW = "data/raw/records.parquet"
NONE = {"source": "auto", "path": "data/source", "url": None, "sha256": None, "csv": CSV, "generate": SIZE}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/source").mkdir(parents=True)
    return tmp_path


def records(problem=PROBLEM, name="transactions", **changes):
    return ingest.read_records(checked(IngestParams, NONE | changes, "test"), problem, name).to_pandas()


def refusal(*args, **changes):
    with pytest.raises(PipelineError) as refused:
        records(*args, **changes)
    return str(refused.value)


def run(folder, **changes):
    write_params(folder, {f"ingest.{key}": value for key, value in (NONE | changes).items()})
    run_stages(folder, "ingest")
    return pd.read_parquet(folder / RAW)


@pytest.mark.parametrize("stage", ["ingest", "featurize"])
def test_a_wrong_feature_list_is_refused_before_a_record_is_read(stage, folder, monkeypatch):
    wrong = dataclasses.replace(PROBLEM, features=(*PROBLEM.features, Window("w", "mode", by="customer_id")))
    monkeypatch.setattr(transactions, "PROBLEM", wrong)
    write_params(folder, {f"ingest.{key}": value for key, value in NONE.items()})
    with pytest.raises(PipelineError, match=r"^src/problems/transactions\.py: feature 'w': unknown aggregate 'mode'"):
        run_stages(folder, stage)
    assert not (folder / RAW).exists()


@pytest.mark.parametrize("source", ["auto", "generate"])
def test_empty_source_folder_means_the_simulated_table(source):
    pd.testing.assert_frame_equal(records(source=source), simulate(**SIZE))


def test_what_params_leave_out_is_the_generators_own():
    pd.testing.assert_frame_equal(records(generate={"customers": 40, "days": 5}), simulate(40, 80, 5, 0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"custmers": 40}, "ingest.generate.custmers: card_simulator has no such argument; it has: customers, term"),
        ({"customers": 0}, "ingest.generate: customers = 0: a whole number from 1 to 1000000"),
        ({"customers": 40.0}, "ingest.generate: customers = 40.0: a whole number from 1"),
        ({"customers": True}, "ingest.generate: customers = True: a whole number from 1"),
        ({"days": 1}, "ingest.generate: days = 1: a whole number from 2 to 36500"),
        ({"seed": 4001}, "ingest.generate: seed = 4001: a whole number from 0 to 4000"),
    ],
)
def test_what_the_generator_can_not_do_is_refused_by_name(options, words):
    assert refusal(generate=options).startswith(words)


def test_a_problem_without_a_generator_wants_a_file():
    words = "problem mine can't be generated; set ingest.path to its file, or ingest.url and ingest.sha256"
    assert refusal(dataclasses.replace(PROBLEM, generator=None), "mine") == words


def test_a_generator_that_is_not_there_is_told():
    words = "generator = 'none': there is no src/problems/generators/none.py"
    assert refusal(dataclasses.replace(PROBLEM, generator="none")) == words


@pytest.mark.parametrize("source", ["auto", "file"])
def test_path_of_a_file_means_that_file(source):
    payments_table().to_parquet("mine.parquet")
    pd.testing.assert_frame_equal(records(source=source, path="mine.parquet"), payments_table())


def test_path_of_no_file_is_refused_rather_than_simulated():
    assert refusal(path="mine.csv") == "ingest.path: mine.csv: no such file"


@pytest.mark.parametrize("source", ["auto", "url"])
def test_url_goes_before_a_path_and_its_file_is_kept_by_name(monkeypatch, source):
    asked = []
    monkeypatch.setattr(ingest, "download", lambda *given: (asked.append(given), payments_table().to_parquet(given[2])))
    ingest.DOWNLOADS.mkdir(parents=True)
    url = "https://example.org/cards/mine.parquet?version=2#part"
    table = records(source=source, url=url, sha256="a" * 64)
    assert asked == [(url, "a" * 64, ingest.DOWNLOADS / "mine.parquet")]
    pd.testing.assert_frame_equal(table, payments_table())


def test_an_address_with_a_signature_may_stand_in_a_variable(monkeypatch):
    asked = []
    monkeypatch.setattr(ingest, "download", lambda *given: (asked.append(given), payments_table().to_parquet(given[2])))
    ingest.DOWNLOADS.mkdir(parents=True)
    monkeypatch.setenv("RECORDS_URL", "https://example.org/mine.parquet?sig=5ecret")
    records(url="$RECORDS_URL", sha256="a" * 64)
    assert asked == [("https://example.org/mine.parquet?sig=5ecret", "a" * 64, ingest.DOWNLOADS / "mine.parquet")]
    monkeypatch.setenv("RECORDS_URL", "https://example.org/mine.xls?sig=5ecret")
    assert "'https://example.org/mine.xls?...'" in refusal(url="$RECORDS_URL", sha256="a" * 64)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "mine.csv~", "mine.csv.dvc"])
def test_what_a_file_manager_or_an_editor_leaves_is_no_data(folder, name):
    (folder / "data/source" / name).touch()
    assert len(records()) > 0
    (folder / "data/source/mine.txt").touch()
    assert "a folder with mine.txt in it" in refusal()


@pytest.mark.parametrize("given", [{"url": "https://example.org/a.csv"}, {"sha256": "a" * 64, "source": "url"}])
def test_url_without_its_hash_is_refused(given):
    assert refusal(**given).startswith("ingest.url needs ingest.sha256 too (64 hexadecimal digits)")


def test_address_of_no_known_format_is_refused_before_it_is_downloaded(monkeypatch):
    monkeypatch.setattr(ingest, "download", lambda *_: pytest.fail("downloaded"))
    assert "ingest.url" in refusal(url="https://example.org/records", sha256="a" * 64)


def test_problem_that_cannot_be_simulated_says_what_to_set():
    message = refusal(creditcard.PROBLEM, "creditcard")
    assert message.startswith("problem creditcard can't be generated; set ingest.path")


def test_size_that_gives_no_payments_is_refused():
    assert refusal(generate=SIZE | {"customers": 1, "terminals": 1}) == "ingest.generate: the table has no rows"


def test_stage_writes_the_same_bytes_each_time(folder):
    table = run(folder)
    digest = hashlib.sha256((folder / RAW).read_bytes()).hexdigest()
    run(folder)
    assert hashlib.sha256((folder / RAW).read_bytes()).hexdigest() == digest
    assert list(table) == list(PROBLEM.columns)


@pytest.mark.parametrize("junk", ["2 EUR", "99999999999999999999999", "-1e999", "True", "", "é"])
@pytest.mark.parametrize("column", ["transaction_id", "tx_time", "amount", "is_fraud"])
def test_stage_writes_every_row_of_a_file_whatever_stands_in_it(folder, column, junk):
    table = payments_table().astype({column: object})
    table.loc[3, column] = junk
    table.to_csv("mine.csv", index=False)
    written = run(folder, path="mine.csv")
    assert len(written) == 6
    assert written["terminal_id"].tolist() == table["terminal_id"].astype(str).tolist()
    assert written[column].fillna("").tolist() == table[column].astype(str).tolist()  # as it stands in the file


def test_stage_takes_the_problem_that_the_params_name(folder):
    creditcard_table().to_csv("creditcard.csv", index=False)
    write_params(folder, {"problem": "creditcard", "ingest.path": "creditcard.csv"})
    run_stages(folder, "ingest")
    assert list(pd.read_parquet(folder / RAW)) == list(load_problem("creditcard").columns)


def test_a_folder_of_files_is_one_table_in_the_order_of_their_names(folder):
    table = payments_table(48)
    table.iloc[:30].to_parquet(folder / "data/source/records-2018-04-01.parquet")
    table.iloc[30:].to_csv(folder / "data/source/records-2018-04-02.csv", index=False)
    (folder / "data/source/records-2018-04-01.parquet.dvc").touch()
    raw = run(folder)
    pd.testing.assert_frame_equal(raw, table, check_dtype=False)


def test_what_a_system_leaves_in_the_folder_does_not_count(folder):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "mine.csv.dvc"):
        (folder / "data/source" / name).touch()
    pd.testing.assert_frame_equal(records(), simulate(**SIZE))


def test_how_a_csv_file_is_written_is_read_from_the_params(folder):
    payments_table().to_csv("mine.csv", index=False, sep=";", decimal=",")
    assert "set ingest.csv.separator to it" in refusal(path="mine.csv")
    written = run(folder, path="mine.csv", csv=CSV | {"separator": ";", "decimal": ","})
    assert written["amount"].tolist() == ["1,25", "2,25", "3,25", "4,25", "5,25", "6,25"]
    run_stages(folder, "validate")
    kept = pd.read_parquet(folder / "data/validated/records.parquet")
    assert kept["amount"].tolist() == payments_table()["amount"].tolist()


def test_address_in_large_letters_is_a_known_format(monkeypatch):
    monkeypatch.setattr(ingest, "download", lambda *given: payments_table().to_parquet(given[2]))
    ingest.DOWNLOADS.mkdir(parents=True)
    assert len(records(url="https://example.org/MINE.PARQUET", sha256="a" * 64)) == 6
