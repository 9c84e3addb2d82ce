"""Which rows of a raw table come from which file, where a source is several: the table's metadata carry it."""

import bisect
import itertools
import json
from collections.abc import Sequence

import pyarrow as pa

PARTS = b"parts"  # of a table's metadata: JSON, a list of [name of the file, rows] in the table's order


def with_parts(table: pa.Table, parts: Sequence[tuple[str, int]]) -> pa.Table:
    """Return a table whose metadata name the files that its rows come from, in their order."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), PARTS: json.dumps(list(parts))})


class RowPlaces:
    """Where a row of a raw table stands in its source.

    Parameters
    ----------
    table : pyarrow.Table
        Made by `with_parts`, or of one file: then its metadata name none.

    Examples
    --------
    >>> places = RowPlaces(with_parts(pa.table({"a": [1, 2, 3]}), [("may.csv", 2), ("june.csv", 1)]))
    >>> places.file(2), places.words(1), places.words(2)
    ('june.csv', 'row 1 of may.csv', 'row 0 of june.csv')
    >>> RowPlaces(pa.table({"a": [1]})).words(0)
    'row 0'
    """

    def __init__(self, table: pa.Table) -> None:
        parts = json.loads((table.schema.metadata or {}).get(PARTS, b"[]"))
        self._names = [name for name, _ in parts]
        self._starts = [0, *itertools.accumulate(rows for _, rows in parts)]

    @property
    def has_files(self) -> bool:
        """Whether the source is several files."""
        return bool(self._names)

    def file(self, row: int) -> str:
        """Return the name of the file that a row comes from; only where `has_files`."""
        return str(self._names[self._part(row)])

    def words(self, row: int) -> str:
        """Return a row's number in its file, from 0, in words."""
        if not self.has_files:
            return f"row {row}"
        return f"row {row - self._starts[self._part(row)]} of {self.file(row)}"

    def _part(self, row: int) -> int:
        return bisect.bisect_right(self._starts, row) - 1
