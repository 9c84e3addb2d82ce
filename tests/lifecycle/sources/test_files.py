import gzip
import io
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle.contract.gate import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_table, write_table
from lifecycle.problem.problem import Column
from lifecycle.sources.files import read_file, to_contract
from problems import creditcard
from problems.transactions import PROBLEM
from tests.helpers_data import creditcard_table, payments_table, small_problem, small_table

CSV = payments_table().to_csv(index=False).encode()
HEADER = CSV.split(b"\n")[0] + b"\n"
PUBLISHED = {alias: name for name, column in PROBLEM.columns.items() for alias in column.aliases}


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


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
        ("a.zip", zipped(records=CSV)),
        ("a.csv.zip", zipped(records=CSV)),
        ("a.parquet", parquet(payments_table())),
    ],
)
def test_each_format_gives_the_same_table(tmp_path, name, content):
    table = read(tmp_path, name, content)
    expected = payments_table()
    pd.testing.assert_frame_equal(table.astype({"tx_time": expected["tx_time"].dtype}), expected)


def test_published_names_are_taken_and_its_two_helper_columns_left_out(tmp_path):
    published = payments_table().rename(columns={name: alias for alias, name in PUBLISHED.items()})
    published = published.assign(TX_TIME_SECONDS=0, TX_TIME_DAYS=0)[[*reversed(PUBLISHED), "TX_TIME_DAYS"]]
    assert set(PUBLISHED) > {"TRANSACTION_ID", "TX_DATETIME", "TX_AMOUNT", "TX_FRAUD"}
    pd.testing.assert_frame_equal(read(tmp_path, "p.parquet", parquet(published)), payments_table().assign(region=0))


def test_values_that_do_not_fit_are_kept_for_the_gate(tmp_path):
    table = read(tmp_path, "a.csv", CSV.replace(b",2.25,", b",2 EUR,"))
    assert table["amount"].tolist() == ["1.25", "2 EUR", *payments_table()["amount"][2:].astype(str)]


def test_text_keeps_its_leading_zeros_and_numbers_all_their_digits(tmp_path):
    problem = small_problem(Column("shop", "text", "", aliases=("SHOP",)), Column("amount", "number", ""))
    content = small_table(1, SHOP=["007"], amount=[0.1 + 0.2]).to_csv(index=False).encode()
    table = read(tmp_path, "a.csv", content, problem)
    assert table.loc[0, ["shop", "amount"]].tolist() == ["007", 0.1 + 0.2]


def test_derived_columns_come_from_the_problem(tmp_path):
    table = read(tmp_path, "creditcard.csv", creditcard_table(3).to_csv(index=False).encode(), creditcard.PROBLEM)
    assert list(table) == list(creditcard.PROBLEM.columns)
    assert table["record_id"].tolist() == [0, 1, 2]


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
        ("a.csv", CSV.decode().encode("utf-16"), "not UTF-8.*iconv"),
        ("a.csv", CSV + b"7,2018-04-02,1,1,1,0,0,1,9\n", "not a regular CSV file: .*8 fields in line 8, saw 9"),
        ("a.csv", CSV + b'7,"2018-04-02,1,1,1,0,0\n', "not a regular CSV file"),
        ("a.csv.gz", CSV, "can't be read: Not a gzipped file"),
        ("a.csv.gz", gzip.compress(CSV)[:-12], "can't be read: Compressed file ended"),
        ("a.csv.gz", flipped(gzip.compress(CSV), -6), "can't be read: CRC check failed"),
        ("a.csv.gz", flipped(gzip.compress(CSV), 40), "can't be read"),
        ("a.zip", zipped(), "can't be read: Zero files"),
        ("a.zip", zipped(one=CSV, two=CSV), "can't be read: Multiple files.*'one', 'two'"),
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
    assert "not a regular CSV file" in refusal(tmp_path, "a.csv", with_a_cell_more(cell))


@pytest.mark.parametrize("word", ["NA", "null", "None"])
def test_a_word_for_nothing_is_a_value_of_a_text_column_and_a_gap_in_numbers(tmp_path, word):
    problem = small_problem(Column("country", "text", ""), Column("amount", "number", "", nullable=True))
    table = read(tmp_path, "a.csv", small_table(1, country=[word], amount=[word]).to_csv(index=False).encode(), problem)
    assert table.loc[0, "country"] == word
    assert pd.isna(table.loc[0, "amount"])


def test_a_saved_index_is_told_as_a_column_without_a_name(tmp_path):
    assert "extra columns: one without a name" in refusal(tmp_path, "a.csv", payments_table().to_csv().encode())


def test_byte_that_is_not_utf8_is_not_said_to_stand_elsewhere(tmp_path):
    content = CSV + b"7,2018-04-02,1,1,1,0,0\n" * 40_000
    message = refusal(tmp_path, "a.csv", content + b"\xe9")
    assert re.findall(r"byte (\d+)", message) in ([], [str(len(content))])


def test_users_own_file_is_not_to_be_removed_and_made_by_dvc(tmp_path):
    assert "dvc repro" not in refusal(tmp_path, "a.parquet", CSV)


def test_file_that_is_not_there_is_named_by_its_key(tmp_path):
    with pytest.raises(PipelineError, match=r"^ingest\.path: .*nowhere\.csv: no such file$"):
        read_file(tmp_path / "nowhere.csv", PROBLEM)


def test_a_column_that_a_source_may_lack_gets_its_default():
    columns = (Column("place", "text", "", ("where",), default="unknown"), Column("n", "integer", "", default=0))
    found = to_contract(small_table(2), small_problem(*columns), "test")
    assert found[["place", "n"]].to_numpy().tolist() == [["unknown", 0]] * 2
    assert to_contract(small_table(2, where=["a", "b"]), small_problem(*columns), "test")["place"].tolist() == [
        "a",
        "b",
    ]


def written(**columns):
    """Return a parquet file as a database would write it, without a word for pandas."""
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [0, 1, 2], "time": ["2018-01-01"] * 3, "label": [0, 1, 0], **columns}), content)
    return content.getvalue()


BIG = 10**18


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.int32()])
def test_ids_that_are_text_keep_their_digits_whatever_is_missing_beside_them(tmp_path, kind):
    numbers = [7, None, 1147] if kind == pa.int32() else [BIG + 1, None, BIG + 2]
    problem = small_problem(Column("card", "text", "", nullable=True))
    found = read(tmp_path, "a.parquet", written(card=pa.array(numbers, kind)), problem)["card"]
    assert found.tolist()[::2] == [str(number) for number in numbers[::2]]
    assert found.isna().tolist() == [False, True, False]


def test_ids_that_are_floats_are_not_guessed(tmp_path):
    problem = small_problem(Column("card", "text", ""))
    said = refusal(tmp_path, "a.parquet", written(card=[1147.0, 2.0, 3.0]), problem)
    assert "column card is text in the contract, here it is double; export it as text or as whole numbers" in said


@pytest.mark.parametrize(("kind", "number"), [(pa.int64(), BIG + 1), (pa.uint64(), BIG + 1), (pa.int8(), 5)])
def test_whole_numbers_beside_a_gap_are_none_of_them_rounded(tmp_path, kind, number):
    problem = small_problem(Column("card", "integer", ""))
    raw = read(tmp_path, "a.parquet", written(card=pa.array([number, None, number - 1], kind)), problem)
    write_table(raw, tmp_path / "raw.parquet")
    verdict = check(read_table(tmp_path / "raw.parquet"), problem, None)
    assert verdict.kept["card"].tolist() == [number, number - 1]
    assert verdict.failed == {"card: missing": 1}
