"""The rejected rows as the source has them, and an example of each reason for the message."""

from collections.abc import Sequence

import pyarrow as pa

from lifecycle.contract.cell_hints import hint
from lifecycle.core.source_parts import RowPlaces
from lifecycle.problem.problem import Column

LONGEST = 60  # characters of a value in a message


def rejected_rows(table: pa.Table, rows: Sequence[int], reasons: Sequence[str]) -> pa.Table:
    """Return rows of the source with columns more: `source_row`, from 0, and `reason`.

    Where the source is several files, `source_file` names that of each row. `source_row` counts over all of them.

    Parameters
    ----------
    table : pyarrow.Table
        As the source has it.
    rows : sequence of int
        Which of them, ascending.
    reasons : sequence of str
        Of each.
    """
    places = pa.array(rows, pa.int64())
    columns = {name: _shown(table[name].take(places)) for name in table.column_names}
    places_in_files = RowPlaces(table)
    files = {"source_file": pa.array(map(places_in_files.file, rows), pa.string())} if places_in_files.has_files else {}
    return pa.table({**columns, **files, "source_row": places, "reason": pa.array(reasons, pa.string())})


def example(table: pa.Table, row: int, column: Column | None, reason: str) -> str:
    """Return the first value that was rejected for a reason, and what to do about it.

    Parameters
    ----------
    table : pyarrow.Table
        As the source has it.
    row : int
        Of the value.
    column : Column or None
        Of the value; None when the reason is about the whole record.
    reason : str
        Why it was rejected, without the column's name.
    """
    value = None if column is None else _text(table[column.name][row])
    place = RowPlaces(table).words(row)
    if value is None or column is None:
        return f"the first in {place}"
    shown = repr(value if len(value) <= LONGEST else f"{value[:LONGEST]}...")
    advice = hint(value, column, reason)
    return f"the first is {shown} in {place}{f': {advice}' if advice else ''}"


def _shown(values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return values of a plain type as they are; others as text, which every reader of parquet can show."""
    return values if _is_plain(values) else pa.array([_text(value) for value in values], pa.string())


def _is_plain(values: pa.ChunkedArray) -> bool:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_timestamp(kind):
        return all(_python_text(value) is not None for value in values)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(text or number or pa.types.is_boolean(kind) or pa.types.is_null(kind))


def _text(value: pa.Scalar) -> str | None:
    """Return a value as text, as far as it can be written."""
    if not value.is_valid:
        return None
    text = _python_text(value)
    return str(value.cast(pa.string()).as_py()) if text is None else text


def _python_text(value: pa.Scalar) -> str | None:
    """Return a value as Python writes it; None for a day that its calendar does not have."""
    try:
        return str(value.as_py())
    except (OverflowError, ValueError):
        return None
