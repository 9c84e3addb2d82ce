import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.bundle.score_file import pieces
from lifecycle.bundle.source_rows import open_parquet
from lifecycle.core.errors import PipelineError
from tests.helpers_model import ROOT, quick

READ = """
import sys
from pathlib import Path
from benchmarks.engines import peak
from lifecycle.bundle.score_file import pieces
from lifecycle.bundle.source_rows import open_parquet
with open_parquet(Path(sys.argv[1])) as file:
    before = peak()
    rows = sum(len(table) for _, table in pieces(file, ["a", "b"], 10_000, 0))
print(rows, peak() - before)
"""


@given(rows=st.integers(0, 60), group=st.integers(1, 70), piece=st.integers(1, 70), data=st.data())
@settings(parent=quick)
def test_pieces_have_their_size_and_are_numbered(tmp_path_factory, rows, group, piece, data):
    path = tmp_path_factory.mktemp("source") / "in"
    pq.write_table(pa.table({"other": [0] * rows, "at": range(rows)}), path, row_group_size=group)
    expected = [list(range(start, min(start + piece, rows))) for start in range(0, rows, piece)]
    first = data.draw(st.integers(0, max(0, len(expected) - 1)))
    with open_parquet(path) as file:
        found = [(number, table["at"].to_pylist()) for number, table in pieces(file, ["at"], piece, first)]
    assert found == list(enumerate(expected))[first:]


def test_row_groups_before_the_first_piece_are_not_read(tmp_path):
    pq.write_table(pa.table({"at": np.arange(40)}), tmp_path / "in", row_group_size=10)
    content = bytearray((tmp_path / "in").read_bytes())
    pages = pq.read_metadata(tmp_path / "in").row_group(2).column(0)
    start = pages.dictionary_page_offset or pages.data_page_offset
    content[4:start] = bytes(start - 4)
    (tmp_path / "in").write_bytes(content)
    with open_parquet(tmp_path / "in") as file:
        ((number, table),) = pieces(file, ["at"], 20, 1)
    assert number == 1
    assert table["at"].to_pylist() == list(range(20, 40))


@pytest.mark.skipif(sys.platform == "win32", reason="asks the operating system for the peak of memory")
def test_a_row_group_need_not_fit_into_memory(tmp_path):
    values = np.random.default_rng(0).random(8_000_000)  # 128 MB that can't be compressed
    pq.write_table(pa.table({"a": values, "b": values}), tmp_path / "in", row_group_size=10**9, use_dictionary=False)
    command = [sys.executable, "-c", READ, tmp_path / "in"]
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    done = subprocess.run(command, cwd=ROOT, env=paths, check=True, capture_output=True, text=True)
    rows, grown = done.stdout.split()
    assert int(rows) == len(values)
    assert float(grown) < 60  # MB


@pytest.mark.parametrize("rows", [7, 20, 21])
def test_a_file_that_has_fewer_rows_than_it_says_is_told(tmp_path, rows):
    pq.write_table(pa.table({"at": np.arange(20)}), tmp_path / "in", row_group_size=10)
    with open_parquet(tmp_path / "in") as file:
        first = SimpleNamespace(
            metadata=file.metadata,
            schema_arrow=file.schema_arrow,
            iter_batches=lambda size, groups, **how: file.iter_batches(size, [0], **how),  # the second is not there
        )
        with pytest.raises(PipelineError, match="10 rows were read, but it says that it has 20"):
            list(pieces(first, ["at"], rows, 0))
