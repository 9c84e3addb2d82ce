"""Rows as CSV, and their scores as lines."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from lifecycle.bundle.servable import Servable
from service.inputs.raw_records import as_source
from service.inputs.row_forms import check_rows, from_records, from_vectors
from service.protocol import Inputs
from service.refusal import Refusal

WHOLE = re.compile(r"[+-]?[0-9]{1,400}")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def from_csv(servable: Servable, body: bytes, most: int) -> Inputs:
    """Read rows of CSV; a first line of nothing but names of features and columns is a header.

    Raises
    ------
    Refusal
        400: no CSV in UTF-8. 413, 422: as for other rows.
    """
    lines = _lines(body, most + 2)  # a header, and one too many
    schema = servable.schema
    kinds = {column["name"]: as_source(schema, column)["type"] for column in schema["columns"]}
    kinds |= dict.fromkeys(servable.numbers, "number") | dict.fromkeys(servable.texts, "text")
    kinds = dict.fromkeys(schema.get("ignored", ()), "text") | kinds
    header = lines[0] if lines and lines[0] and all(cell in kinds for cell in lines[0]) else None
    rows, names = lines[1:] if header else lines, header or servable.features
    check_rows(len(rows), most)
    if len(set(names)) != len(names):
        raise Refusal(422, "duplicate_name", "the header has a name twice")
    found = [_row(kinds, names, cells, i) for i, cells in enumerate(rows)]
    if header is None:
        return Inputs(from_vectors(servable, found))
    return from_records(servable, [dict(zip(names, row, strict=True)) for row in found])


def to_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return a line for each row of values; a value that is None is an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _lines(body: bytes, most: int) -> list[list[str]]:
    """Return the first lines, without a mark of the byte order and empty lines at the end."""
    try:
        text = body.decode("utf-8-sig").rstrip("\r\n")
        return list(islice(csv.reader(io.StringIO(text, newline=""), strict=True), most))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refusal(400, "malformed_csv", f"the body is no CSV in UTF-8: {error}") from error


def _row(kinds: Mapping[str, str], names: Sequence[str], cells: list[str], i: int) -> list[Any]:
    if len(cells) != len(names):
        message = f"row {i} has {len(cells)} values; there must be {len(names)}: {', '.join(names)}"
        raise Refusal(422, "wrong_width", message)
    return [_cell(kinds[name], cell, name, i) for name, cell in zip(names, cells, strict=True)]


def _cell(kind: str, cell: str, name: str, i: int) -> Any:
    """Return a cell as JSON would have it: an empty one is null, as in the files that models learn from."""
    if not cell or (kind != "text" and not cell.strip()):
        return None
    if kind in {"text", "timestamp"}:
        return cell
    cell = cell.strip()
    if WHOLE.fullmatch(cell):
        return int(cell)
    if NUMBER.fullmatch(cell):
        return float(cell)
    raise Refusal(422, "wrong_type", f"row {i}: {name!r} is no number", name)
