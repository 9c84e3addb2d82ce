import io
import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import PARQUET, read_arrow, write_table
from lifecycle.problem.problem import Column
from lifecycle.sources.files import read_file
from tests.helpers_data import small_problem, small_table

BIG = 10**18
BITS = (1, 16, 255) if os.environ.get("RELIABILITY") == "full" else (16,)  # that are flipped in a byte


def read(tmp_path, content, problem):
    (tmp_path / "a.parquet").write_bytes(content)
    return read_file(tmp_path / "a.parquet", problem)


def refusal(tmp_path, content, problem):
    with pytest.raises(PipelineError) as refused:
        read(tmp_path, content, problem)
    return str(refused.value)


def stored(table, **how):
    content = io.BytesIO()
    pq.write_table(table, content, **how)
    return content.getvalue()


def written(**columns):
    """Return a parquet file as a database would write it, without a word for pandas."""
    return stored(pa.table({"id": [0, 1, 2], "time": ["2018-01-01"] * 3, "label": [0, 1, 0], **columns}))


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.int32()])
def test_ids_that_are_text_keep_their_digits_whatever_is_missing_beside_them(tmp_path, kind):
    numbers = [7, None, 1147] if kind == pa.int32() else [BIG + 1, None, BIG + 2]
    problem = small_problem(Column("card", "text", "", nullable=True))
    raw = read(tmp_path, written(card=pa.array(numbers, kind)), problem)
    found = check(raw, problem, None).kept["card"]
    assert found.tolist()[::2] == [str(number) for number in numbers[::2]]
    assert found.isna().tolist() == [False, True, False]


def test_ids_that_are_floats_are_not_guessed(tmp_path):
    problem = small_problem(Column("card", "text", ""))
    verdict = check(read(tmp_path, written(card=[1147.0, 2.0, 3.0]), problem), problem, None)
    reason = "card: not of type text, but double"
    assert verdict.failed == {reason: 3}
    assert verdict.examples[reason] == (
        "the first is '1147.0' in row 0: export it as text or as whole numbers: 1147 must not become 1147.0"
    )


@pytest.mark.parametrize(("kind", "number"), [(pa.int64(), BIG + 1), (pa.uint64(), BIG + 1), (pa.int8(), 5)])
def test_whole_numbers_beside_a_gap_are_none_of_them_rounded(tmp_path, kind, number):
    problem = small_problem(Column("card", "integer", ""))
    raw = read(tmp_path, written(card=pa.array([number, None, number - 1], kind)), problem)
    write_table(raw, tmp_path / "raw.parquet")
    verdict = check(read_arrow(tmp_path / "raw.parquet"), problem, None)
    assert verdict.kept["card"].tolist() == [number, number - 1]
    assert verdict.failed == {"card: missing": 1}


def pandas_file(frame, **options):
    content = io.BytesIO()
    frame.to_parquet(content, **options)
    return content.getvalue()


@pytest.mark.parametrize(
    "frame",
    [
        small_table().set_index("id"),
        small_table().set_index(["id", "time"]),
        small_table().sample(frac=1, random_state=0),
        small_table().set_index(pd.RangeIndex(4, name="id")).drop(columns="id"),
        small_table().set_index(pd.RangeIndex(4, name="another")),
    ],
    ids=["named", "two levels", "without a name", "range", "range that is not asked for"],
)
def test_an_index_of_pandas_is_a_column_when_the_contract_names_it(tmp_path, frame):
    problem = small_problem()
    verdict = check(read(tmp_path, pandas_file(frame), problem), problem, None)
    pd.testing.assert_frame_equal(verdict.kept, small_table(), check_dtype=False)


@pytest.mark.parametrize(
    "words",
    [
        b"{not json",
        b"[]",
        b'{"index_columns": ["nope"]}',
        b'{"index_columns": 5}',
        b'{"index_columns": [{"kind": "range", "name": "id", "start": 0, "stop": 3, "step": 1}]}',
        b'{"index_columns": [{"kind": "range", "name": "id", "start": 0, "stop": 4, "step": 0}]}',
        json.dumps({"index_columns": [], "columns": [{"name": "id", "pandas_type": "bytes"}]}).encode(),
        b"\xff",
    ],
)
def test_what_pandas_says_of_a_file_is_not_believed(tmp_path, words):
    table = pa.Table.from_pandas(small_table(), preserve_index=False)
    content = stored(table.replace_schema_metadata({b"pandas": words}))
    assert read(tmp_path, content, small_problem()).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("stop", [3, 5, 0])
def test_a_range_that_is_not_as_long_as_the_table_is_no_column(tmp_path, stop):
    index = {"kind": "range", "name": "id", "start": 0, "stop": stop, "step": 1}
    table = pa.Table.from_pandas(small_table().drop(columns="id"), preserve_index=False)
    content = stored(table.replace_schema_metadata({b"pandas": json.dumps({"index_columns": [index]})}))
    assert "missing columns: id." in refusal(tmp_path, content, small_problem())


def test_columns_that_are_ignored_may_be_of_any_type_and_repeated_ones_are_told(tmp_path):
    problem = small_problem(ignored=("extra",))
    assert read(tmp_path, written(extra=[[1], None, [2]]), problem).num_rows == 3
    table = pa.table([[1], ["2018-01-01"], [0], [0]], names=["id", "time", "label", "label"])
    assert "repeated columns: label" in refusal(tmp_path, stored(table), problem)


def test_text_that_is_not_utf8_is_told(tmp_path):
    broken = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    problem = small_problem(Column("note", "text", ""))
    assert "a.parquet: not a readable parquet file" in refusal(tmp_path, written(note=broken), problem)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([10**8, 1, 2], pa.int32()).cast(pa.date32()), "<value out of range: 100000000>"),
        (pa.array([10**17, 1, 2], pa.timestamp("ms")), "<value out of range: 100000000000000000>"),
        (pa.array([-(2**63), 1, 2], pa.timestamp("us")), f"<value out of range: {-(2**63)}>"),
    ],
)
def test_times_that_no_calendar_has_are_rejected_and_shown(tmp_path, values, shown):
    problem = small_problem(Column("seen", "timestamp", ""))
    verdict = check(read(tmp_path, written(seen=values), problem), problem, None)
    write_table(verdict.rejected, tmp_path / "rejected.parquet")
    assert pd.read_parquet(tmp_path / "rejected.parquet")["seen"].tolist() == [shown]
    assert verdict.failed == {"seen: not between the years 1678 and 2261": 1}


@pytest.mark.parametrize(
    "values", [[[1], [2], [3]], [{"a": 1}] * 3, [b"x", b"y", b"z"], pa.array([1, 2, 3], pa.duration("s"))]
)
def test_values_that_are_no_cells_are_rejected_and_shown_as_text(tmp_path, values):
    problem = small_problem(Column("note", "text", ""))
    verdict = check(read(tmp_path, written(note=values), problem), problem, None)
    write_table(verdict.rejected, tmp_path / "rejected.parquet")
    assert pd.read_parquet(tmp_path / "rejected.parquet")["note"].map(type).tolist() == [str] * 3
    (reason,) = verdict.failed
    assert reason.startswith("note: not of type text, but ")


@pytest.mark.slow
def test_a_flipped_byte_is_refused_in_words_or_changes_no_value(tmp_path):
    problem = small_problem(Column("note", "text", ""), Column("amount", "number", ""))
    frame = small_table(40, note=[f"n{i}" for i in range(40)], amount=np.arange(40) / 4)
    content = stored(pa.Table.from_pandas(frame, preserve_index=False), **PARQUET)
    whole, changed = read(tmp_path, content, problem), []
    expected = check(whole, problem, None).kept
    for place in range(len(content)):
        for bit in BITS:
            damaged = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
            try:
                found = read(tmp_path, damaged, problem)
            except PipelineError:
                continue
            if not found.equals(whole):  # of another type: its rows are kept as they were, or rejected
                verdict = check(found, problem, None)
                assert len(verdict.kept) + len(verdict.rejected) == len(expected)
                if len(verdict.kept) and not verdict.kept.equals(expected):
                    changed.append((place, bit))
    assert not changed


def test_a_schema_that_contradicts_itself_is_refused_and_a_coarser_unit_is_not(tmp_path):
    problem = small_problem(Column("seen", "timestamp", ""))
    seen = pa.array([1_514_764_800_000_000] * 3, pa.timestamp("us"))
    content = written(seen=seen)
    place = content.index(b"seen")  # in the schema; its logical type follows
    unit = content.index(b"\x8c\x12\x1c\x2c", place) + 3
    assert "column seen is timestamp[ns] here and timestamp[us] there" in refusal(
        tmp_path, content[:unit] + b"\x3c" + content[unit + 1 :], problem
    )
    for kind in (pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("ns")):
        table = pa.table({"id": [0], "time": ["2018-01-01"], "label": [0], "seen": pa.array([0], kind)})
        assert read(tmp_path, stored(table, version="1.0"), problem).num_rows == 1


def test_every_type_of_text_is_read(tmp_path):
    problem = small_problem(Column("note", "text", ""))
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        raw = read(tmp_path, written(note=pa.array(["a", "b", "c"], kind)), problem)
        verdict = check(raw.set_column(2, "label", pa.array([0, 5, 1])), problem, None)
        assert (verdict.kept["note"].tolist(), verdict.rejected["note"].to_pylist()) == (["a", "c"], ["b"])
