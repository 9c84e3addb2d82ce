"""What an earlier run has computed is taken only where all that made it is the same, and the bytes are the same."""

import dataclasses
import signal
import subprocess
import sys
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lifecycle.core import tables
from lifecycle.features.partitioned import feature_table, window_cache
from lifecycle.features.partitioned.window_cache import cached_features, reach_us
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Window
from tests.helpers_model import ROOT
from tests.helpers_parts import FEATURES, KILLED_AT_A_FILE, PROBLEM, records, write_at_once

ROWS = 500
KILLED = f"""{KILLED_AT_A_FILE}
from lifecycle.core import tables
from lifecycle.features.partitioned import feature_table
from tests.helpers_parts import PROBLEM

tables.ROW_GROUP = 500
feature_table.build_in_memory(PROBLEM, Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def small_row_groups(monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", ROWS)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "features.parquet"


def build(frame, target, problem=PROBLEM):
    """Return the bytes of the table, and how many records were computed."""
    tables.write_table(frame, target.with_name("records.parquet"))
    with mock.patch.object(window_cache, "evaluate", wraps=window_cache.evaluate) as evaluate:
        feature_table.build_in_memory(problem, target.with_name("records.parquet"), target)
    return target.read_bytes(), sum(len(call.args[1]) for call in evaluate.call_args_list)


def test_after_a_new_day_the_bytes_are_those_of_a_run_from_nothing(target, tmp_path):
    world = records(12_000)
    days = world["tx_time"].dt.floor("D")
    before = world[days < days.iloc[-1]]
    build(before, target)
    assert build(world, target)[0] == write_at_once(world, tmp_path / "expected.parquet")


def test_the_same_records_are_not_computed_again(target):
    first, _ = build(records(3_000), target)
    assert build(records(3_000), target) == (first, 0)


def test_what_is_computed_is_the_last_row_groups_and_what_their_windows_reach(target):
    world = records(12_000)
    day = pd.Timedelta(1, "D")
    short = SimpleNamespace(**{**vars(PROBLEM), "features": (Window("n", "count", by="customer_id", days=(1,)),)})
    build(world.head(11_600), target, short)
    _, computed = build(world, target, short)
    oldest = world["tx_time"].searchsorted(world["tx_time"].iloc[11_500] - day)
    assert computed == 12_000 - oldest // ROWS * ROWS < 6_000


@pytest.mark.parametrize("row", [0, 700, 5_999])
@pytest.mark.parametrize("column", ["amount", "is_fraud", "shop", "tx_time"])
def test_one_other_value_in_an_old_record_is_seen(row, column, target, tmp_path):
    world = records(6_000)
    build(world, target)
    other = world.copy()
    values = {"amount": 1.25, "is_fraud": 1 - world["is_fraud"].iloc[row], "shop": "s99"}
    later = world["tx_time"].iloc[row] + pd.Timedelta(1, "us")
    other.loc[row, column] = later if column == "tx_time" else values[column]
    other = other.sort_values("tx_time", kind="stable", ignore_index=True)
    assert build(other, target)[0] == write_at_once(other, tmp_path / "expected.parquet") != build(world, target)[0]


def test_a_record_that_comes_late_into_an_old_day_moves_all_that_follow(target, tmp_path):
    world = records(6_000)
    build(world.drop(index=1_234).reset_index(drop=True), target)
    found, computed = build(world, target)
    assert found == write_at_once(world, tmp_path / "expected.parquet")
    assert computed >= len(world) - 1_234 // ROWS * ROWS


def test_another_feature_list_computes_everything(target):
    world = records(3_000)
    build(world, target)
    longer = [dataclasses.replace(each, days=(1, 8)) if each.name == "customer_count" else each for each in FEATURES]
    assert build(world, target, SimpleNamespace(**{**vars(PROBLEM), "features": tuple(longer)}))[1] == 3_000
    assert build(world, target, SimpleNamespace(**{**vars(PROBLEM), "decimals": {"amount": 3, "is_fraud": 0}}))[1]


def test_another_line_of_code_computes_everything(target, monkeypatch):
    build(records(3_000), target)
    monkeypatch.setattr(window_cache, "packed_code", lambda: b"another line")
    assert build(records(3_000), target)[1] == 3_000


def test_another_library_computes_everything(target, monkeypatch):
    build(records(3_000), target)
    monkeypatch.setattr(np, "__version__", "0")
    assert build(records(3_000), target)[1] == 3_000


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_damaged_file_is_made_again(place, target):
    first, _ = build(records(3_000), target)
    for path in target.with_name(".features.parquet.known").iterdir():
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(bytes(content))
    assert build(records(3_000), target) == (first, 3_000)
    assert build(records(3_000), target) == (first, 0)


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_file_that_was_cut_is_made_again(content, target):
    first, _ = build(records(3_000), target)
    for path in target.with_name(".features.parquet.known").iterdir():
        path.write_bytes(content)
    assert build(records(3_000), target) == (first, 3_000)


def test_files_of_other_records_and_unfinished_ones_are_removed(target):
    build(records(3_000), target)
    folder = target.with_name(".features.parquet.known")
    (folder / ".x.arrow.7.tmp").touch()
    build(records(1_000).assign(amount=1.0), target)
    assert len([*folder.iterdir()]) == 2


@pytest.mark.parametrize("moment", [2, pytest.param(4, marks=pytest.mark.nightly)])
def test_a_run_that_was_killed_leaves_nothing_wrong(moment, target, tmp_path):
    world = records(3_000)
    build(world.head(1_700), target)
    tables.write_table(world, tmp_path / "records.parquet")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "records.parquet"), str(target), str(moment)]
    assert subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "src"}, check=False).returncode == -signal.SIGKILL
    found, computed = build(world, target)
    assert found == write_at_once(world, tmp_path / "expected.parquet")
    assert computed <= 3_000


def test_records_out_of_order_are_refused_whatever_is_known(target):
    world = records(1_000)
    build(world, target)
    with pytest.raises(ValueError, match="must be sorted by time"):
        build(world.iloc[::-1], target)


def test_the_reach_of_a_chain_is_that_of_all_its_links():
    assert reach_us(FEATURES) == (30 + 9 + 1.5) * DAY_US


def test_gaps_stay_gaps(tmp_path):
    mean = Window("m", "mean", of="amount", by="shop", days=(1,), current=False, empty=float("nan"))
    problem = SimpleNamespace(**{**vars(PROBLEM), "features": (mean,)})
    table = pa.Table.from_pandas(records(1_200), preserve_index=False)
    made, _ = cached_features(problem, table, tmp_path)
    again, known = cached_features(problem, table, tmp_path)
    assert known == 1_200
    assert np.isnan(made["m_1d"]).any()
    np.testing.assert_array_equal(made["m_1d"].view("i8"), again["m_1d"].view("i8"))
