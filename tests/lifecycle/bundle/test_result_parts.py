import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifecycle.bundle.result_parts import parts_of
from lifecycle.core.errors import PipelineError

SCHEMA = pa.schema({"row": pa.int64()}, {"made": "by"})


def table(*values):
    return pa.table([list(values)], schema=SCHEMA)


def test_parts_become_one_table_in_their_order(tmp_path):
    with parts_of(tmp_path / "new/out", "work", SCHEMA) as parts:
        parts.write(1, table(3, 4))
        parts.write(0, table(1, 2))
        parts.join(2, tmp_path / "new/out")
    found = pq.ParquetFile(tmp_path / "new/out")
    assert found.read()["row"].to_pylist() == [1, 2, 3, 4]
    assert [found.metadata.row_group(i).num_rows for i in range(2)] == [2, 2]
    assert found.schema_arrow.metadata == SCHEMA.metadata
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError, MemoryError])
def test_parts_outlive_any_end_of_the_run(end, tmp_path):
    with pytest.raises(end), parts_of(tmp_path / "out", "work", SCHEMA) as parts:
        parts.write(0, table(1))
        raise end
    with parts_of(tmp_path / "out", "work", SCHEMA) as parts:
        assert parts.path(0).exists()


def test_parts_of_work_that_cannot_be_done_are_removed(tmp_path):
    with pytest.raises(PipelineError, match="bad row"), parts_of(tmp_path / "out", "work", SCHEMA) as parts:
        parts.write(0, table(1))
        raise PipelineError("bad row")
    assert not list(tmp_path.iterdir())


def test_parts_of_other_work_are_removed(tmp_path):
    with pytest.raises(OSError, match="full"), parts_of(tmp_path / "out", "other", SCHEMA) as parts:
        parts.write(0, table(1))
        raise OSError("full")
    with parts_of(tmp_path / "out", "work", SCHEMA) as parts:
        assert not parts.path(0).exists()
        assert not list(tmp_path.glob(".out.parts/other"))


def test_other_tables_in_the_folder_are_left_alone(tmp_path):
    with parts_of(tmp_path / "a", "work", SCHEMA) as of_a, parts_of(tmp_path / "b", "work", SCHEMA) as of_b:
        of_a.write(0, table(1))
        of_b.write(0, table(2))
        of_a.join(1, tmp_path / "a")
        of_b.join(1, tmp_path / "b")
    assert [pq.read_table(tmp_path / name)["row"].to_pylist() for name in "ab"] == [[1], [2]]


def test_one_table_has_one_writer(tmp_path):
    with parts_of(tmp_path / "out", "work", SCHEMA) as parts:
        parts.write(0, table(1))
        with pytest.raises(PipelineError, match="another run is writing the same table"):
            parts_of(tmp_path / "out", "other", SCHEMA).__enter__()
        assert parts.path(0).exists()
