"""Save the results of a long run in parts, in a hidden folder beside the table that they become.

Each part is there whole or not at all. After a kill, a run of the same work uses them again; any other removes them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lifecycle.core.atomic import atomic, locked
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import PARQUET


class Parts(NamedTuple):
    """Where the parts of a table lie, and its schema."""

    folder: Path
    schema: pa.Schema

    def path(self, number: int) -> Path:
        """Return where a part lies."""
        return self.folder / f"{number}.arrow"

    def write(self, number: int, table: pa.Table) -> None:
        """Write a part; when this returns, it is on the disk."""
        with (
            atomic(self.path(number)) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_file(file, self.schema) as writer,
        ):
            writer.write_table(table.combine_chunks())

    def join(self, count: int, target: Path) -> None:
        """Make a table of the parts 0 to `count`, a row group each; the target appears, or is replaced, at the end."""
        whole = self.folder / "whole.parquet"
        with (
            atomic(whole) as temporary,
            pq.ParquetWriter(temporary, self.schema, **PARQUET) as writer,
        ):
            for number in tqdm(range(count), "parts put together", disable=None):
                with pa.OSFile(str(self.path(number))) as file:
                    writer.write_table(pa.ipc.open_file(file).read_all())
        whole.replace(target)


@contextmanager
def parts_of(target: Path, work: str, schema: pa.Schema) -> Iterator[Parts]:
    """Yield the parts of a table, also those of an earlier run of the same work: `work` digests all they depend on.

    They are removed when the block ends well, and when the work can't be done at all (PipelineError); after any other
    end they stay. Two processes can't write the same table at once.
    """
    folder = target.with_name(f".{target.name}.parts")
    with locked(folder, "another run is writing the same table; wait until it has ended"):
        for path in folder.iterdir():
            if path.name not in ("lock", work):
                shutil.rmtree(path)
        (folder / work).mkdir(exist_ok=True)
        try:
            yield Parts(folder / work, schema)
        except PipelineError:
            shutil.rmtree(folder)
            raise
        shutil.rmtree(folder, ignore_errors=True)  # the table is there
