import csv
import gzip
import io
import re
import zipfile

import pandas as pd
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.problem.problem import Column
from lifecycle.sources import csv_files
from lifecycle.sources.files import read_file, to_contract
from problems import creditcard
from problems.transactions import PROBLEM
from tests.helpers_data import creditcard_table, payments_table, small_problem, small_table

CSV = payments_table().to_csv(index=False).encode()
HEADER = CSV.split(b"\n")[0] + b"\n"
PUBLISHED = {alias: name for name, column in PROBLEM.columns.items() for alias in column.aliases}


def zipped(method=zipfile.ZIP_DEFLATED, **files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def encrypted(archive):
    """Set the bit that says so, in the archive's directory."""
    place = archive.index(b"PK\x01\x02") + 8
    return archive[:place] + b"\x01" + archive[place + 1 :]


def by_method(archive, method):
    """Name another method of packing, in the archive's directory."""
    place = archive.index(b"PK\x01\x02") + 10
    return archive[:place] + bytes([method]) + archive[place + 1 :]


def parquet(table):
    content = io.BytesIO()
    table.to_parquet(content)
    return content.getvalue()


def read(tmp_path, name, content, problem=PROBLEM):
    (tmp_path / name).write_bytes(content)
    return read_file(tmp_path / name, problem)


def refusal(tmp_path, name, content, problem=PROBLEM):
    with pytest.raises(PipelineError) as refused:
        read(tmp_path, name, content, problem)
    assert str(tmp_path / name) in str(refused.value)
    return str(refused.value).replace(str(tmp_path / name), name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("bom.csv", b"\xef\xbb\xbf" + CSV),
        ("windows.csv", CSV.replace(b"\n", b"\r\n")),
        ("a.csv.gz", gzip.compress(CSV)),
        ("mac.csv", CSV.replace(b"\n", b"\r")),
        ("blank lines.csv", b"\n" + CSV.replace(b"\n", b"\n\n")),
        ("no line end.csv", CSV[:-1]),
        ("quoted.csv", payments_table().to_csv(index=False, quoting=csv.QUOTE_ALL).encode()),
        ("A.CSV", CSV),
        ("A.Csv.GZ", gzip.compress(CSV)),
        ("two members.csv.gz", gzip.compress(CSV[:100]) + gzip.compress(CSV[100:])),
        ("a.zip", zipped(records=CSV)),
        ("a.csv.zip", zipped(records=CSV)),
        ("A.ZIP", zipped(**{"RECORDS.CSV": CSV})),
        ("litter.zip", zipped(**{"__MACOSX/._a.csv": b"x", ".DS_Store": b"x", "Thumbs.db": b"x", "d/a.csv": CSV})),
        ("lzma.zip", zipped(zipfile.ZIP_LZMA, records=CSV)),
        ("bzip2.zip", zipped(zipfile.ZIP_BZIP2, records=CSV)),
        ("a.parquet", parquet(payments_table())),
        ("A.PARQUET", parquet(payments_table())),
    ],
)
def test_each_format_gives_the_same_table(tmp_path, name, content):
    verdict = check(read(tmp_path, name, content), PROBLEM, None)
    pd.testing.assert_frame_equal(verdict.kept, payments_table(), check_dtype=False)
    assert verdict.failed == {}


def test_published_names_are_taken_and_its_two_helper_columns_left_out(tmp_path):
    published = payments_table().rename(columns={name: alias for alias, name in PUBLISHED.items()})
    published = published.assign(TX_TIME_SECONDS=0, TX_TIME_DAYS=0)[[*reversed(PUBLISHED), "TX_TIME_DAYS"]]
    assert set(PUBLISHED) > {"TRANSACTION_ID", "TX_DATETIME", "TX_AMOUNT", "TX_FRAUD"}
    found = read(tmp_path, "p.parquet", parquet(published)).to_pandas()
    pd.testing.assert_frame_equal(found, payments_table().assign(region=0))


def test_values_that_do_not_fit_are_kept_for_the_gate(tmp_path):
    table = read(tmp_path, "a.csv", CSV.replace(b",2.25,", b",2 EUR,"))
    assert table["amount"].to_pylist() == ["1.25", "2 EUR", *payments_table()["amount"][2:].astype(str)]


def test_text_keeps_its_leading_zeros_and_numbers_all_their_digits(tmp_path):
    problem = small_problem(Column("shop", "text", "", aliases=("SHOP",)), Column("amount", "number", ""))
    content = small_table(1, SHOP=["007"], amount=[0.1 + 0.2]).to_csv(index=False).encode()
    table = read(tmp_path, "a.csv", content, problem)
    assert table.select(["shop", "amount"]).to_pylist() == [{"shop": "007", "amount": str(0.1 + 0.2)}]


def test_derived_columns_come_from_the_problem(tmp_path):
    table = read(tmp_path, "creditcard.csv", creditcard_table(3).to_csv(index=False).encode(), creditcard.PROBLEM)
    assert table.column_names == list(creditcard.PROBLEM.columns)
    assert table["record_id"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns=["amount", "is_fraud"]), "missing columns: amount, is_fraud."),
        (lambda t: t.assign(shop="x", city="y"), "extra columns: city, shop."),
        (lambda t: t.assign(TX_AMOUNT=1.0), "repeated columns: amount."),
        (lambda t: pd.concat([t, t[["amount"]]], axis="columns"), "repeated columns: amount."),
        (lambda t: t.rename(columns={"amount": "euro"}), "missing columns: amount; extra columns: euro."),
    ],
    ids=["missing", "extra", "repeated by an alias", "repeated", "renamed"],
)
@pytest.mark.parametrize("through", ["table", "csv"])
def test_wrong_set_of_columns_is_named_with_the_contract(tmp_path, change, said, through):
    table = change(payments_table())
    if through == "csv":
        message = refusal(tmp_path, "a.csv", table.to_csv(index=False).encode())
    else:
        with pytest.raises(PipelineError) as refused:
            to_contract(table, PROBLEM, "a.csv")
        message = str(refused.value)
    assert message == f"a.csv: {said} The contract in src/problems/ has: {', '.join(PROBLEM.columns)}"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", CSV, r"^ingest\.path: a\.xlsx: unknown format; known: \.csv, \.csv\.gz, .*, \.parquet$"),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"\n\n", "no header line"),
        ("a.csv", HEADER, "no rows"),
        ("a.parquet", parquet(payments_table(0)), "no rows"),
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer.*`git lfs pull`"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        ("a.csv", CSV.decode().encode("utf-16"), "line 1 is not UTF-8.*iconv"),
        ("a.csv", CSV + "8,é".encode("latin-1"), "line 8 is not UTF-8.*iconv"),
        ("a.csv", CSV + b"7,2018-04-02,1,1,1,0,0,1,9\n", "line 8 has 9 cells, the header has 8: '7,2018"),
        ("a.csv", CSV + b"\n\n7,2018-04-02,1,1,1\n", "line 10 has 5 cells, the header has 8: '7,2018"),
        ("a.csv.gz", CSV, "can't be read: Not a gzipped file"),
        ("a.csv.gz", gzip.compress(CSV)[:-12], "can't be read: Compressed file ended"),
        ("a.csv.gz", flipped(gzip.compress(CSV), -6), "can't be read: CRC check failed"),
        ("a.csv.gz", flipped(gzip.compress(CSV), 40), "can't be read"),
        ("a.zip", zipped(), "0 files in the archive, it must be one: it is empty"),
        ("a.zip", zipped(one=CSV, two=CSV), "2 files in the archive, it must be one: one, two"),
        ("a.zip", zipped(**{"a.parquet": parquet(payments_table())}), "a.parquet in the archive is not a CSV file"),
        ("a.zip", encrypted(zipped(one=CSV)), "one is encrypted; unpack it first"),
        ("a.zip", by_method(zipped(one=CSV), 93), "one is packed by method 93, which is not read; unpack it first"),
        ("a.zip", flipped(zipped(zipfile.ZIP_LZMA, one=CSV * 9), 80), "can't be read"),
        ("a.zip", flipped(zipped(zipfile.ZIP_BZIP2, one=CSV * 9), 80), "can't be read"),
        ("a.zip", CSV, "can't be read: .*zip file"),
        ("a.zip", zipped(one=CSV)[:-10], "can't be read"),
        ("a.zip", flipped(zipped(one=CSV), 60), "can't be read"),
        ("a.parquet", CSV, "not a readable parquet file"),
    ],
)
def test_file_that_is_not_what_its_name_says_is_refused_with_the_cause(tmp_path, name, content, said):
    message = refusal(tmp_path, name, content)
    assert re.search(said, message), message


def with_a_cell_more(cell):
    return HEADER + b"".join(line + cell + b"\n" for line in CSV.splitlines()[1:])


@pytest.mark.parametrize("cell", [b",9", b","], ids=["filled", "empty"])
def test_line_with_a_cell_too_many_everywhere_is_refused(tmp_path, cell):
    assert "line 2 has 9 cells, the header has 8" in refusal(tmp_path, "a.csv", with_a_cell_more(cell))


@pytest.mark.parametrize("word", ["NA", "null", "None"])
def test_a_word_for_nothing_is_a_value_of_a_text_column_and_a_gap_in_numbers(tmp_path, word):
    problem = small_problem(Column("country", "text", ""), Column("amount", "number", "", nullable=True))
    table = read(tmp_path, "a.csv", small_table(1, country=[word], amount=[word]).to_csv(index=False).encode(), problem)
    assert table.select(["country", "amount"]).to_pylist() == [{"country": word, "amount": word}]
    assert check(table, problem, None).kept[["country", "amount"]].isna().to_numpy().tolist() == [[False, True]]


def test_a_saved_index_is_told_as_a_column_without_a_name(tmp_path):
    assert "extra columns: one without a name" in refusal(tmp_path, "a.csv", payments_table().to_csv().encode())


def test_byte_that_is_not_utf8_is_not_said_to_stand_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 500)
    content = CSV + (CSV.split(b"\n")[1] + b"\n") * 100 + b"\xe9"
    assert "line 108 is not UTF-8" in refusal(tmp_path, "a.csv", content)


def test_users_own_file_is_not_to_be_removed_and_made_by_dvc(tmp_path):
    assert "dvc repro" not in refusal(tmp_path, "a.parquet", CSV)


def test_file_that_is_not_there_is_named_by_its_key(tmp_path):
    with pytest.raises(PipelineError, match=r"^ingest\.path: .*nowhere\.csv: no such file$"):
        read_file(tmp_path / "nowhere.csv", PROBLEM)


def test_a_column_that_a_source_may_lack_gets_its_default():
    columns = (Column("place", "text", "", ("where",), default="unknown"), Column("n", "integer", "", default=0))
    found = to_contract(small_table(2), small_problem(*columns), "test")
    assert found.select(["place", "n"]).to_pylist() == [{"place": "unknown", "n": 0}] * 2
    given = to_contract(small_table(2, where=["a", "b"]), small_problem(*columns), "test")
    assert given["place"].to_pylist() == ["a", "b"]
