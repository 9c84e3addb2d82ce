"""Rows out of requests, as JSON or as a table of text, and scores as answers."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from lifecycle.bundle.servable import Scored, Servable
from service.inputs import faults
from service.inputs.decoded_rows import from_records, from_vectors
from service.messages import JSON, Reply
from service.protocol import Answer, Inputs
from service.refusal import Refusal

WHOLE = re.compile(r"[+-]?[0-9]{1,400}")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
encoded = msgspec.json.Encoder().encode


def decode(servable: Servable, body: bytes, max_rows: int) -> Inputs:
    """Read rows of CSV; a first line of nothing but names of features and columns is a header.

    Raises
    ------
    Refusal
        400: no CSV in UTF-8. 413, 422: as for other rows.
    """
    lines = _lines(body, max_rows + 2)  # a header, and one too many
    kinds = {column["name"]: column["type"] for column in servable.schema["columns"]}
    kinds |= dict.fromkeys(servable.numbers, "number") | dict.fromkeys(servable.texts, "text")
    header = lines[0] if lines and lines[0] and all(cell in kinds for cell in lines[0]) else None
    rows, names = lines[1:] if header else lines, header or servable.features
    check_rows(len(rows), max_rows)
    if len(set(names)) != len(names):
        raise Refusal(422, "duplicate_name", "the header has a name twice")
    found = [_row(kinds, names, cells, i) for i, cells in enumerate(rows)]
    if header is None:
        return Inputs(from_vectors(servable, found))
    return from_records(servable, [dict(zip(names, row, strict=True)) for row in found])


def encode(scored: Scored) -> bytes:
    """Return a line for each row: prediction, probability, score."""
    rows = zip(scored.alert.tolist(), scored.probability.tolist(), scored.score.tolist(), strict=True)
    return "".join(f"{alert:d},{probability!r},{score!r}\n" for alert, probability, score in rows).encode()


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


def predictions(scored: Scored) -> list[dict[str, Any]]:
    """Return an object for each row: prediction 0 or 1, calibrated probability, score."""
    alerts = map(int, scored.alert.tolist())
    rows = zip(alerts, scored.probability.tolist(), scored.score.tolist(), strict=True)
    return [{"prediction": alert, "probability": probability, "score": score} for alert, probability, score in rows]


def reply(content: Any, status: int = 200) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, JSON, encoded(content))


def free_form(answer: Answer) -> Reply:
    """Return what protocols that leave the predictions' form open have in common."""
    return reply({"predictions": predictions(scored_of(answer))})


def scored_of(answer: Answer) -> Scored:
    """Return the scores of an answer to a request that had rows."""
    if answer.scored is None:
        raise AssertionError("rows were decoded and not scored")
    return answer.scored
