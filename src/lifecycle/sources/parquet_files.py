"""Read a parquet file by its own schema: what pandas wrote about it is used for an index that is a mere range, only."""

import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from lifecycle.core.tables import open_parquet, readable

FINENESS = ("s", "ms", "us", "ns")
VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
UNNAMED = "__index_level_"  # what pandas calls an index without a name


def read_parquet(path: Path, wanted: set[str]) -> pa.Table:
    """Read a parquet file.

    Parameters
    ----------
    path : Path
        The file.
    wanted : set of str
        What columns may be called; an index that the file only describes is made when it is one of them.

    Returns
    -------
    pyarrow.Table
        Every column, with the file's types. An index of pandas is a column like any other, one without a name is left
        out.

    Raises
    ------
    PipelineError
        It is no parquet file, it is damaged, or text in it is not UTF-8.
    """
    with readable(str(path), "export it again"), open_parquet(path) as file:
        _check_counts(file.metadata)
        _check_types(file)
        table = file.read()
        table.validate(full=True)
    table = table.select([i for i, name in enumerate(table.column_names) if not name.startswith(UNNAMED)])
    for place, kind in enumerate(table.schema.types):
        if kind in VIEWS:  # which few functions take
            table = table.set_column(place, table.column_names[place], table.column(place).cast(VIEWS[kind]))
    for name, values in _ranges(table):
        if name in wanted and name not in table.column_names:
            table = table.append_column(name, values)
    return table.replace_schema_metadata(None)


def _check_counts(metadata: Any) -> None:
    """Compare what a footer says of its rows at three places."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError(f"{metadata.num_rows:,} rows, but its row groups have other numbers of them")


def _check_types(file: Any) -> None:
    """Compare the types of a file that Arrow wrote with those that Arrow noted beside them.

    No checksum covers a schema: a wrong bit there gives other values, such as nanoseconds for microseconds.
    """
    try:
        noted = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(file.metadata.metadata[b"ARROW:schema"])))
        pairs = list(zip(file.schema_arrow, noted, strict=True))
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException):
        return
    for field, note in pairs:
        if _contradict(field.type, note.type):
            raise ValueError(f"column {field.name} is {field.type} here and {note.type} there in its schema")


def _contradict(read: pa.DataType, noted: pa.DataType) -> bool:
    """Tell whether a type can't have been written for another one; a coarser unit or a wider integer can."""
    if pa.types.is_timestamp(read) and pa.types.is_timestamp(noted):
        return bool(FINENESS.index(read.unit) > max(FINENESS.index(noted.unit), FINENESS.index("ms")))
    if pa.types.is_integer(read) and pa.types.is_integer(noted):
        return bool(read.bit_width < noted.bit_width)
    return bool(pa.types.is_decimal(read) and pa.types.is_decimal(noted) and read.scale != noted.scale)


def _ranges(table: pa.Table) -> list[tuple[str, pa.Array]]:
    """Return indexes that pandas kept as start, stop and step instead of a column; none where that makes no sense."""
    try:
        described = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
        ranges = [index for index in described if isinstance(index, dict) and index["kind"] == "range"]
        found = [(index["name"], range(index["start"], index["stop"], index["step"])) for index in ranges]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
    return [(name, pa.array(values, pa.int64())) for name, values in found if name and len(values) == table.num_rows]
