"""Read a parquet file by its own schema: what pandas wrote about it is used for an index that is a mere range, only."""

import json
from pathlib import Path

import pyarrow as pa

from lifecycle.core.tables import open_parquet, readable

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
        table = file.read()
        table.validate(full=True)
        if len(table) != file.metadata.num_rows:
            raise ValueError(f"{len(table):,} rows were read, but it says that it has {file.metadata.num_rows:,}")
    table = _without_views(table)
    table = table.select([place for place, name in enumerate(table.column_names) if not name.startswith(UNNAMED)])
    for name, values in _ranges(table):
        if name in wanted and name not in table.column_names:
            table = table.append_column(name, values)
    return table.replace_schema_metadata(None)


def _without_views(table: pa.Table) -> pa.Table:
    """Return a table in which views of text are plain text: few functions of Arrow take views."""
    for place, (name, kind) in enumerate(zip(table.column_names, table.schema.types, strict=True)):
        if kind in VIEWS:
            table = table.set_column(place, name, table.column(place).cast(VIEWS[kind]))
    return table


def _ranges(table: pa.Table) -> list[tuple[str, pa.Array]]:
    """Return indexes that pandas kept as start, stop and step instead of a column; none where that makes no sense."""
    try:
        described = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
        ranges = [index for index in described if isinstance(index, dict) and index["kind"] == "range"]
        found = [(index["name"], range(index["start"], index["stop"], index["step"])) for index in ranges]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
    return [(name, pa.array(values, pa.int64())) for name, values in found if name and len(values) == table.num_rows]
