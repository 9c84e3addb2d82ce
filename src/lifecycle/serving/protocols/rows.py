"""Rows in the shapes that protocols share: a list of rows, a table with named columns, a column for each name."""

from collections.abc import Mapping
from typing import Any

from lifecycle.model.servable import Servable
from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.inputs.decoded import from_records, from_vectors
from lifecycle.serving.messages import Inputs


def check_rows(rows: int, max_rows: int) -> None:
    """Raise when a request has no row, or too many.

    Raises
    ------
    Refusal
        422 or 413.
    """
    if rows == 0:
        raise Refusal(422, "no_rows", "there is no row to score")
    if rows > max_rows:
        message = f"there are more than the {max_rows} rows that one request may have; send them in several"
        raise Refusal(413, "too_many_rows", message)


def from_list(servable: Servable, rows: Any, max_rows: int, place: str) -> Inputs:
    """Read a list of rows: each a list of all features in the order of training, or each an object.

    Raises
    ------
    Refusal
        413, 422.
    """
    if type(rows) is not list:
        raise faults.wrong_type(place, rows, "a list of rows")
    check_rows(len(rows), max_rows)
    return from_records(servable, rows) if type(rows[0]) is dict else Inputs(from_vectors(servable, rows))


def from_split(servable: Servable, table: Any, max_rows: int, place: str) -> Inputs:
    """Read a table as pandas' `orient="split"` writes it: `columns` and `data`; `index` has no say.

    Raises
    ------
    Refusal
        413, 422.
    """
    faults.check_names(place, table, ("data",), ("columns", "index"))
    columns, rows = table.get("columns"), table["data"]
    if columns is None:
        return from_list(servable, rows, max_rows, f"{place}.data")
    if type(columns) is not list or not all(type(name) is str for name in columns):
        raise faults.wrong_type(f"{place}.columns", columns, "a list of names")
    if type(rows) is not list:
        raise faults.wrong_type(f"{place}.data", rows, "a list of rows")
    check_rows(len(rows), max_rows)
    if len(set(columns)) != len(columns):
        raise Refusal(422, "duplicate_name", f"{place}.columns: a name stands twice")
    return from_records(servable, [_named(columns, row, i) for i, row in enumerate(rows)])


def from_named(servable: Servable, columns: Mapping[str, Any], max_rows: int, place: str) -> Inputs:
    """Read a list of values for each name.

    Raises
    ------
    Refusal
        413, 422.
    """
    for name, values in columns.items():
        if type(values) is not list:
            raise faults.wrong_type(f"{place}: {faults.short(name)}", values, "a list of values, one for each row")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise Refusal(422, "wrong_width", f"{place}: the columns have different numbers of rows")
    check_rows(sum(lengths), max_rows)
    return from_records(servable, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])


def _named(columns: list[str], row: Any, i: int) -> dict[str, Any]:
    if type(row) is not list:
        raise faults.wrong_type(f"row {i}", row, f"a list of {len(columns)} values")
    if len(row) != len(columns):
        raise Refusal(422, "wrong_width", f"row {i} has {len(row)} values for {len(columns)} columns")
    return dict(zip(columns, row, strict=True))
