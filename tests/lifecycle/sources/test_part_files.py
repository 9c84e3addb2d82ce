"""Files of one folder are the table that one file of all of them would be."""

import re
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.problem.problem import Column
from lifecycle.sources.files import read_file
from lifecycle.sources.part_files import part_files, read_parts
from problems.transactions import PROBLEM
from tests.helpers_data import payments_table


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def write(table, path, **options):
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, **options)


def refused(folder, problem=PROBLEM):
    with pytest.raises(PipelineError) as error:
        read_parts(folder, problem)
    return str(error.value)


@pytest.mark.parametrize("kinds", [("parquet",) * 3, ("csv",) * 3, ("parquet", "csv", "parquet"), ("csv.gz", "csv")])
def test_parts_give_what_the_whole_file_gives(kinds, source, tmp_path):
    table = payments_table(90)
    edges = [len(table) * place // len(kinds) for place in range(len(kinds) + 1)]
    for number, kind in enumerate(kinds):
        write(table.iloc[edges[number] : edges[number + 1]], source / f"records-{number}.{kind}")
    write(table, tmp_path / f"whole.{kinds[0]}")
    whole = check(read_file(tmp_path / f"whole.{kinds[0]}", PROBLEM), PROBLEM, None)
    parts = check(read_parts(source, PROBLEM), PROBLEM, None)
    pd.testing.assert_frame_equal(parts.kept, whole.kept)
    assert len(parts.rejected) == len(whole.rejected) == 0


def test_a_file_alone_gives_the_same_table_as_its_name(source):
    write(payments_table(20), source / "records.parquet")
    assert read_parts(source, PROBLEM).equals(read_file(source / "records.parquet", PROBLEM), check_metadata=True)


def test_a_key_of_an_earlier_part_is_refused_with_its_file_and_row(source):
    table = payments_table(40)
    write(table.iloc[:25], source / "a.parquet")
    write(table.iloc[22:], source / "b.csv")
    verdict = check(read_parts(source, PROBLEM), PROBLEM, None)
    assert verdict.rejected["source_file"].to_pylist() == ["b.csv"] * 3
    assert verdict.rejected["source_row"].to_pylist() == [25, 26, 27]
    assert len(verdict.kept) == 40
    assert verdict.examples["transaction_id: duplicate"] == "the first is '22' in row 0 of b.csv"


def test_a_cell_that_does_not_fit_is_shown_as_its_file_has_it(source):
    table = payments_table(20)
    write(table.iloc[:12], source / "a.parquet")
    write(table.iloc[12:].astype({"amount": object}).assign(amount="12;5"), source / "b.csv")
    verdict = check(read_parts(source, PROBLEM), PROBLEM, None)
    assert verdict.rejected["amount"].to_pylist() == ["12;5"] * 8
    assert verdict.examples["amount: not of type number"].startswith("the first is '12;5' in row 0 of b.csv")
    pd.testing.assert_frame_equal(verdict.kept, check(table.iloc[:12], PROBLEM, None).kept)


def test_a_decimal_comma_is_that_of_the_csv_files_alone(source):
    table = payments_table(20)
    write(table.iloc[:12], source / "a.parquet")
    texts = table["amount"].iloc[12:].astype(str).str.replace(".", ",")
    texts.iloc[0] = "?"
    write(table.iloc[12:].assign(amount=texts), source / "b.csv", sep=";")
    options = CsvParams(separator=";", skip_lines=0, decimal=",")
    verdict = check(read_parts(source, PROBLEM, options), PROBLEM, None)
    assert verdict.failed == {"amount: not of type number": 1}
    assert verdict.kept["amount"].tolist() == table["amount"].drop(12).tolist()


def test_times_as_numbers_and_as_text_of_numbers_are_the_same(source):
    contract = tuple(replace(c, unit="s", ge=None) if c.type == "timestamp" else c for c in PROBLEM.contract)
    problem = replace(PROBLEM, contract=contract)
    table = payments_table(20)
    seconds = table.assign(tx_time=table["tx_time"].astype("datetime64[s]").astype("int64"))
    write(seconds.iloc[:12], source / "a.parquet")
    write(seconds.iloc[12:], source / "b.csv")
    verdict = check(read_parts(source, problem), problem, None)
    assert verdict.kept["tx_time"].tolist() == table["tx_time"].tolist()


@pytest.mark.parametrize("later", [False, True])
def test_a_column_that_only_one_part_has_is_named(later, source):
    table = payments_table(20)
    without = table.drop(columns="region")
    pieces = (table, without) if later else (without, table)
    for name, piece in zip("ab", pieces, strict=True):
        write(piece, source / f"{name}.parquet")
    has, lacks = ("a", "b") if later else ("b", "a")
    assert f"b.parquet: not the columns of a.parquet: {has}.parquet has region, {lacks}.parquet has not" in refused(
        source
    )


def test_a_missing_column_and_a_damaged_file_are_told_of_the_file(source):
    write(payments_table(20), source / "a.parquet")
    write(payments_table(20).drop(columns="amount"), source / "b.parquet")
    assert re.search(r"b\.parquet: missing columns: amount", refused(source))
    (source / "b.parquet").write_bytes(b"PAR1 and no more")
    assert "b.parquet: not a readable parquet file" in refused(source)


def test_ignored_columns_may_be_in_some_parts_only(source):
    table = payments_table(20)
    write(table.iloc[:12].assign(TX_TIME_DAYS=0), source / "a.parquet")
    write(table.iloc[12:], source / "b.parquet")
    assert len(read_parts(source, PROBLEM)) == 20


def test_numbers_of_different_width_become_the_wider(source):
    table = pa.Table.from_pandas(payments_table(20), preserve_index=False)
    place = table.schema.get_field_index("customer_id")
    narrow = table.set_column(place, "customer_id", table["customer_id"].cast(pa.int32()))
    pq.write_table(narrow.slice(0, 9), source / "a.parquet")
    pq.write_table(table.slice(9), source / "b.parquet")
    assert read_parts(source, PROBLEM)["customer_id"].to_pylist() == table["customer_id"].to_pylist()


def test_a_problem_that_counts_rows_counts_over_all_parts(source):
    contract = (Column("x", "number", "-"), Column("y", "integer", "-", isin=(0, 1)))
    problem = replace(PROBLEM, contract=contract, features=(), hidden=(), key="row_number", time=None, target="y",
                      entity=None, amount=None, slices=(), groups=(), sensitive=(), ignored=())  # fmt: skip
    for name in "ab":
        write(pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}), source / f"{name}.csv")
    assert read_parts(source, problem)["row_number"].to_pylist() == [0, 1, 2, 3]


def test_what_is_no_table_and_a_folder_in_it_are_refused(source):
    (source / "readme.txt").touch()
    assert "a folder with readme.txt in it" in refused(source)
    (source / "readme.txt").unlink()
    (source / "more").mkdir()
    assert "a folder with more in it" in refused(source)


def test_no_file_at_all_is_told(source):
    for name in ("a.parquet.dvc", ".gitkeep", "Thumbs.db"):
        (source / name).touch()
    assert part_files(source) == []
    assert "an empty folder" in refused(source)
