import datetime as dt
import errno
import json
import math
import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core import atomic, tables
from lifecycle.core.errors import PipelineError
from tests.helpers_model import quick

TABLE = pd.DataFrame(
    {"id": np.arange(5), "amount": [0.1, 1 / 3, np.nan, 2e-9, 1e12], "shop": ["a", None, "é", "", "b"]}
)


def test_atomic_leaves_only_the_target(tmp_path):
    with atomic.atomic(tmp_path / "new" / "file") as temporary:
        temporary.write_text("content")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    assert (tmp_path / "new" / "file").read_text() == "content"


def test_atomic_keeps_the_earlier_file_when_writing_fails(tmp_path):
    target = tmp_path / "file"
    target.write_text("earlier")
    with pytest.raises(OSError, match="full"), atomic.atomic(target) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "full")
    assert target.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_table_comes_back_with_types_and_without_index(tmp_path):
    tables.write_table(TABLE[::-1], tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(tables.read_table(tmp_path / "t.parquet"), TABLE[::-1].reset_index(drop=True))


def test_same_rows_give_the_same_bytes_whatever_their_history(tmp_path):
    tables.write_table(TABLE, tmp_path / "whole")
    tables.write_table(pd.concat([TABLE, TABLE])[5:].set_axis([9, 8, 7, 6, 5]), tmp_path / "cut")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "cut").read_bytes()


def test_time_slice_is_read_from_its_row_groups_only(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 10)
    path = tmp_path / "t.parquet"
    tables.write_table(pd.DataFrame({"day": np.arange(40), "amount": np.arange(40.0)}), path)
    assert pq.ParquetFile(path).num_row_groups == 4
    part = tables.read_table(path, columns=["amount"], where=[("day", ">=", 12), ("day", "<", 15)])
    assert part.to_dict("list") == {"amount": [12.0, 13.0, 14.0]}


@pytest.mark.parametrize("content", [None, b"", b"id,amount\n1,2\n", b"PAR1 and no more PAR1"])
def test_missing_or_damaged_table_names_the_file_and_the_command(tmp_path, content):
    path = tmp_path / "t.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"t\.parquet: no.* `dvc repro`"):
        tables.read_table(path)


def test_table_damaged_inside_is_told_in_words(tmp_path):
    path = tmp_path / "t.parquet"
    tables.write_table(TABLE, path)
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(100) + content[104:])
    with pytest.raises(PipelineError, match=r"t\.parquet: not a readable parquet file"):
        tables.read_table(path)


@pytest.mark.parametrize("read", [tables.read_table, lambda path: tables.open_parquet(path).read()])
def test_one_wrong_byte_in_a_page_is_refused(tmp_path, read):
    path = tmp_path / "t.parquet"
    tables.write_table(pd.DataFrame({"n": np.arange(1000)}), path)
    content = path.read_bytes()
    for place in range(200, 4000, 50):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises((PipelineError, OSError), match="CRC checksum"):
            read(path)


def test_a_damaged_file_is_told_in_words_and_a_missing_folder_is_not():
    with (
        pytest.raises(PipelineError, match=r"^a: not a readable parquet file \(bad\); ask$"),
        tables.readable("a", "ask"),
    ):
        raise OSError("bad")
    with pytest.raises(FileNotFoundError), tables.readable("a"):
        raise FileNotFoundError(errno.ENOENT, "gone")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, "x", None], ["1", "x", None]),
        ([1, 10**30, 2], ["1", str(10**30), "2"]),
        ([1, None], [1, None]),
        ([dt.date(2018, 1, 1), None], [dt.date(2018, 1, 1), None]),
    ],
)
def test_a_column_of_a_frame_keeps_its_type_or_becomes_text(values, found):
    assert tables.as_arrow(pd.DataFrame({"x": pd.Series(values, dtype=object)}))["x"].to_pylist() == found


def test_an_arrow_table_is_written_as_it_is(tmp_path):
    table = pa.table({"days": pa.array([10**8, None], pa.int32()).cast(pa.date32()), "n": [1, 2]})
    tables.write_table(table, tmp_path / "t.parquet")
    assert tables.read_arrow(tmp_path / "t.parquet").equals(table)


@quick
@given(st.lists(st.none() | st.integers(-(10**15), 10**15), min_size=1, max_size=12))
def test_first_and_last_time_are_found_without_reading_rows(tmp_path_factory, microseconds):
    path = tmp_path_factory.getbasetemp() / "times.parquet"
    times = pd.Series(np.array(microseconds, "datetime64[us]"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROW_GROUP", 3)  # some without a time, some out of order
        tables.write_table(
            pd.DataFrame({"id": range(len(times)), "time": times, "other": times[::-1].to_numpy()}), path
        )
    if times.isna().all():
        with pytest.raises(PipelineError, match=r"times\.parquet: column time holds no values"):
            tables.first_and_last(path, "time")
    else:
        assert tables.first_and_last(path, "time") == (times.min(), times.max())


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no more PAR1"])
def test_first_and_last_time_of_no_table_is_told_with_the_file(tmp_path, content):
    path = tmp_path / "t.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"t\.parquet: no"):
        tables.first_and_last(path, "time")


def test_a_table_without_rows_has_no_first_time(tmp_path):
    tables.write_table(pd.DataFrame({"time": np.empty(0, "datetime64[us]")}), tmp_path / "t.parquet")
    with pytest.raises(PipelineError, match="column time holds no values"):
        tables.first_and_last(tmp_path / "t.parquet", "time")


def test_a_table_without_the_column_has_no_first_time_either(tmp_path):
    tables.write_table(pd.DataFrame({"time": [1.0]}), tmp_path / "t.parquet")
    with pytest.raises(PipelineError, match=r"no column when; it has time"):
        tables.first_and_last(tmp_path / "t.parquet", "when")


def test_csv_has_six_digits_and_unix_line_ends(tmp_path):
    tables.write_csv(pd.DataFrame({"x": [1 / 3, 1234567.0], "n": [1, 2]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"x,n\n0.333333,1\n1.23457e+06,2\n"


@quick
@given(
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.none() | st.text())
)
def test_json_is_exact_and_keeps_its_order(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "content.json"
    tables.write_json(content, path)
    assert list(tables.read_json(path).items()) == list(content.items())
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_is_no_number_and_keeps_the_earlier_file(tmp_path, value):
    path = tmp_path / "m.json"
    tables.write_json({"auc": 0.5}, path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        tables.write_json({"auc": value}, path)
    assert json.loads(path.read_text()) == {"auc": 0.5}


def test_model_has_the_same_bytes_each_time_and_loads(tmp_path):
    model = {"weights": np.arange(1000.0), "name": "m"}
    for name in ("a", "b"):
        tables.write_model(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    np.testing.assert_array_equal(joblib.load(tmp_path / "a")["weights"], model["weights"])


def test_a_file_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    synced, names = [], []
    plain = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file).st_ino), plain(file)))
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: (names.append(list(synced)), rename(path, to))[1])
    with atomic.atomic(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert names == [[(tmp_path / "a").stat().st_ino]]
    with atomic.atomic(tmp_path / "b") as temporary:
        temporary.write_text("y")
    atomic.replace_durably(tmp_path / "b", tmp_path / "c")
    assert tmp_path.stat().st_ino in synced
