import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.core import tables
from lifecycle.core.errors import PipelineError
from lifecycle.features import batch
from lifecycle.features.partitioned import feature_table, layout, tasks
from lifecycle.features.partitioned.layout import groups
from lifecycle.features.partitioned.tasks import ROW, Shares, Work, path_of, write_part
from tests.helpers_model import ROOT, quick
from tests.helpers_parts import FEATURES, KILLED_AT_A_FILE, PROBLEM, build, cut, records, write_at_once

GROUPS = groups(FEATURES)
KILLED = f"""{KILLED_AT_A_FILE}
from tests.helpers_parts import build, cut

with cut(3, 2):
    build(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give the records' file, and the bytes that the table has when it is written at once."""
    folder = tmp_path_factory.mktemp("world")
    with cut(1, 1):
        tables.write_table(records(), folder / "records.parquet")
        return folder / "records.parquet", write_at_once(records(), folder / "expected.parquet")


@pytest.mark.parametrize(("slices", "shares"), [(1, 1), (1, 7), (5, 1), (4, 3), (24, 2)])
def test_the_bytes_do_not_depend_on_the_layout(slices, shares, world, tmp_path):
    with cut(slices, shares):
        assert build(world[0], tmp_path / "features.parquet") == world[1]
    assert [path.name for path in tmp_path.iterdir()] == ["features.parquet"]


@pytest.mark.parametrize("rows", [0, 1, 500])
def test_small_tables_have_the_same_bytes(rows, tmp_path):
    tables.write_table(records(rows), tmp_path / "records.parquet")
    assert build(tmp_path / "records.parquet", tmp_path / "f") == write_at_once(records(rows), tmp_path / "expected")
    with cut(1, 3):
        tables.write_table(records(rows), tmp_path / "records.parquet")
        expected = write_at_once(records(rows), tmp_path / "expected")
        assert build(tmp_path / "records.parquet", tmp_path / "f") == expected


# Half days, and a microsecond beside: many ties, and records that stand on the edge of another's window.
record = st.tuples(
    st.integers(0, 30), st.integers(-1, 1), *[st.integers(0, 3)] * 3, st.integers(0, 9_000), st.booleans()
)


@given(st.lists(record, min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3))
@settings(parent=quick, max_examples=25)
def test_no_cut_of_any_table_changes_a_bit(tmp_path_factory, rows, row_group, slices, shares):
    folder = tmp_path_factory.mktemp("cut")
    day, beside, customer, terminal, shop, cents, fraud = np.array(rows, np.int64).T
    time = pd.Timestamp("2018-04-01") + pd.to_timedelta(day * 43_200_000_000 + beside, "us")
    columns = {"tx_time": time.astype("datetime64[us]"), "customer_id": customer - 1, "terminal_id": terminal}
    frame = pd.DataFrame({**columns, "amount": cents / 100, "is_fraud": fraud.astype(np.int8)})
    frame = frame.assign(shop=np.array(["s3", "", "sé", "s"])[shop]).sort_values("tx_time", kind="stable")
    with cut(slices, shares, row_group):
        tables.write_table(frame, folder / "records.parquet")
        expected = write_at_once(frame, folder / "expected.parquet")
        assert build(folder / "records.parquet", folder / "features.parquet") == expected
    shutil.rmtree(folder)


@pytest.mark.parametrize("files", [1, 10, 3 * 2 * len(GROUPS) + 1])
def test_a_killed_run_goes_on_where_it_stopped(files, world, tmp_path, monkeypatch):
    source, expected = world
    target, evaluated = tmp_path / "features.parquet", []
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, source, target, str(files)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    plain = batch.evaluate_windows
    monkeypatch.setattr(tasks, "evaluate_windows", lambda *args: evaluated.append(1) or plain(*args))
    with cut(3, 2):
        assert build(source, target) == expected
    assert len(evaluated) == 3 * 2 * len(GROUPS) - (files - 1)
    assert not list(tmp_path.glob("*.parts"))


@pytest.mark.parametrize("change", ["features", "source", "layout", "code"])
def test_parts_of_another_run_are_removed_unread(change, world, tmp_path, monkeypatch):
    source, target = shutil.copy(world[0], tmp_path / "records.parquet"), tmp_path / "features.parquet"
    folders = []
    monkeypatch.setattr(feature_table, "assemble", lambda work, target: folders.append(work.folder))
    monkeypatch.setattr(shutil, "rmtree", lambda folder, **_: None)
    problem, layouts = SimpleNamespace(**vars(PROBLEM)), [(1, 1), (1, 1)]
    for run in range(2):
        with cut(*layouts[run]):
            feature_table.build(problem, source, target, "serial", 1, None)
        match change:
            case "features":
                problem.features = FEATURES[:4]
            case "source":
                tables.write_table(records(7_000), source)
            case "layout":
                layouts[1] = (2, 1)
            case "code":
                monkeypatch.setattr(feature_table, "packed_code", lambda: b"other")
    assert len(set(folders)) == 2


def test_leftovers_are_removed(world, tmp_path):
    old = tmp_path / ".features.parquet.0123456789abcdef.parts"
    old.mkdir()
    with cut(1, 1):
        build(world[0], tmp_path / "features.parquet")
    assert not old.exists()


def test_records_out_of_order_are_refused(tmp_path):
    frame = records(1_000)
    for first, second in ((10, 20), (10, 900)):
        frame.loc[[first, second], "tx_time"] = frame.loc[[second, first], "tx_time"].to_numpy()
        with cut(1, 1):
            tables.write_table(frame, tmp_path / "records.parquet")
            with pytest.raises(ValueError, match="column tx_time: the table must be sorted by time"):
                build(tmp_path / "records.parquet", tmp_path / "features.parquet")


def test_other_row_groups_are_refused(world, tmp_path):
    with cut(1, 1, row_group=400), pytest.raises(PipelineError, match="a row group must have 400 rows"):
        build(world[0], tmp_path / "features.parquet")


def test_a_share_that_lacks_records_is_refused(tmp_path):
    work = Work("", str(tmp_path), FEATURES, "t", {}, ((0, 1),), 2)
    for share in range(2):
        write_part(path_of(work, 0, 0, share), [{ROW: np.array([share], np.int32), "x": np.zeros(1)}])
    shares = Shares(work, 0, 0, ["x"])
    assert len(shares.read(0, 2)["x"]) == 2
    with pytest.raises(PipelineError, match="all workers need the same pandas"):
        shares.read(0, 3)


@given(st.integers(1, 300), st.floats(0, 0.5), st.integers(1, 64), st.floats(0.25, 64), st.integers(1, 3_000))
@quick
def test_tasks_fit_the_budget_or_the_budget_is_refused(row_groups, of_one, workers, gib, days):
    edges = np.linspace(0, days * 86_400_000_000, row_groups + 1).astype(np.int64)
    known = layout.Table(np.full(row_groups, 100_000), edges[:-1], edges[1:], {"amount": 8, "shop": layout.TEXT})
    try:
        found = layout.choose_layout(known, GROUPS, of_one, workers, gib * layout.GIB)
    except PipelineError as error:
        least = float(str(error).split("the least is ")[1].split(":")[0])
        layout.choose_layout(known, GROUPS, of_one, workers, least * layout.GIB)
        with pytest.raises(PipelineError, match="is too small"):
            layout.choose_layout(known, GROUPS, of_one, workers, (least - 0.02) * layout.GIB)
        return
    assert [first for first, _ in found.slices] == [0, *(stop for _, stop in found.slices[:-1])]
    assert found.slices[-1][1] == row_groups
    for group in GROUPS:
        rows = max(known.rows[layout.start_of(known, a, group) : b].sum() for a, b in found.slices)
        share = of_one + (1 - of_one) / found.shares
        need = rows * share * layout.bytes_of_a_row(known, group) + layout.PROCESS
        assert need * workers + layout.PROCESS <= gib * layout.GIB * 1.000001


def test_the_busiest_entity_is_found(tmp_path):
    frame = records().assign(shop=["big", "a", "b", "big"] * 3_000)
    with cut(1, 1):
        tables.write_table(frame, tmp_path / "records.parquet")
    assert layout.largest_share(tmp_path / "records.parquet", {"shop", "customer_id"}) == 0.5


def test_columns_of_a_window_are_counted_by_the_row_groups_that_hold_them():
    day = 86_400_000_000
    edges = np.arange(5) * day
    known = layout.Table(np.full(4, 1_000), edges[:-1], edges[1:] - 1, {"shop": layout.TEXT, "flag": 1})
    first, second, fourth = (pd.Timestamp(number * day, unit="us") for number in (0, 1, 3))
    one = layout.bytes_of_columns(known, ["flag"], first, second) - layout.PROCESS
    assert one == 1_000 * (1 + 8 + layout.FILTER)
    assert layout.bytes_of_columns(known, ["flag"], first, fourth) == layout.PROCESS + 3 * one
    assert layout.bytes_of_columns(known, ["flag"], second, second) == layout.PROCESS
    assert layout.bytes_of_columns(known, ["shop"], first, second) > layout.PROCESS + 2 * layout.TEXT * 1_000
