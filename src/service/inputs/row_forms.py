"""The forms in which protocols send rows, and what they decode to: features, checked, as the model takes them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from lifecycle.bundle.servable import Batch, Servable
from service.inputs import faults
from service.inputs.derived_values import with_derived
from service.inputs.raw_records import contract_of, transaction
from service.inputs.value_checks import Form, form_of, in_range, matrix, texts
from service.protocol import Inputs
from service.refusal import Refusal


def of_model(name: str) -> Meta:
    """Return the mark of a type that depends on the model: its schema is the one of this name in `model_schemas`."""
    return Meta(extra_json_schema={"$ref": f"#/components/schemas/{name}"})


Vector = Annotated[Any, of_model("Vector")]  # see `from_vectors`
Records = Annotated[Any, of_model("Records")]  # see `from_records`
Rows = Annotated[Any, of_model("Rows")]  # see `from_list`
Columns = Annotated[Any, of_model("Columns")]  # see `from_named`
Split = Annotated[Any, of_model("Split")]  # see `from_split`


def from_vectors(servable: Servable, rows: Sequence[Any]) -> Batch:
    """Check rows of features in the order of the training.

    Parameters
    ----------
    servable : Servable
        Whose features they are.
    rows : sequence
        What JSON gave for each row.

    Raises
    ------
    Refusal
        422: a row is not a list of as many values as there are features, or a value is not what its feature may be.
    """
    form = form_of(servable)
    for i, row in enumerate(rows):
        if type(row) is not list:
            raise faults.wrong_type(f"row {i}", row, f"a list of {form.width} values")
        if len(row) != form.width:
            message = f"row {i} has {len(row)} values; the model takes {form.width}: {faults.listed(form.features, 40)}"
            raise Refusal(422, "wrong_width", message)
    if not form.texts:
        return Batch(matrix(form, rows))
    return Batch(
        matrix(form, [form.numbers_at(row) for row in rows]), texts(form, [form.texts_at(row) for row in rows])
    )


def from_floats(servable: Servable, row: list[float]) -> Batch:
    """Check one row whose values are known to be floats, of a model without text."""
    form = form_of(servable)
    if len(row) != form.width:
        return from_vectors(servable, [row])
    return Batch(in_range(form, np.fromiter(row, np.float64, form.width)[None]))


def from_records(servable: Servable, records: Sequence[Any]) -> Inputs:
    """Check rows that are named: all rows of features, or all raw transactions.

    A record that holds the key or the time of the problem is a transaction, unless its names are just the features;
    where no feature looks at earlier records, one with any column that is no feature. So is one that lacks a feature,
    but has all that a transaction needs.

    Raises
    ------
    Refusal
        422: a row is no object, lacks a name, has an unknown one, or a value is not what it may be.
    """
    form = form_of(servable)
    if not all(type(record) is dict and record.keys() == form.names for record in records):
        return Inputs(None, _transactions(servable, form, records))
    numbers = matrix(form, [form.numbers_of(record) for record in records])
    return Inputs(Batch(numbers, texts(form, [form.texts_of(r) for r in records]) if form.texts else None))


def from_columns(servable: Servable, columns: Mapping[str, np.ndarray]) -> Batch:
    """Check features that come as one array each, all of the same length: float64, or objects for text."""
    form = form_of(servable)
    rows = len(columns[form.features[0]])
    numbers = np.empty((rows, len(form.numbers)))
    for i, name in enumerate(form.numbers):
        numbers[:, i] = columns[name]
    found = [[columns[name][i] for name in form.texts] for i in range(rows)]
    return Batch(in_range(form, numbers), texts(form, found) if form.texts else None)


def _transactions(servable: Servable, form: Form, records: Sequence[Any]) -> list[dict[str, Any]]:
    """Return raw transactions, checked; raise when not all records are such."""
    needed = {*contract_of(servable).required}
    raw = [type(record) is dict and _is_raw(form, record, needed) for record in records]
    if not any(raw):
        named = {*form.marks}.intersection((servable.schema["key"], servable.schema["time"]))
        advice = f"; a raw transaction has {' and '.join(map(repr, sorted(named)))}"
        for i, record in enumerate(records):
            faults.check_names(f"row {i}", record, form.features, advice=advice)
    if not all(raw):
        message = f"row {raw.index(False)} is no raw transaction and others are; send one kind of rows"
        raise Refusal(422, "mixed_rows", message)
    return [transaction(servable, record, i) for i, record in enumerate(with_derived(servable, records))]


def _is_raw(form: Form, record: Mapping[str, Any], needed: set[str]) -> bool:
    """Tell whether a record that lacks a feature is a transaction: by a column of its own, or as it has all of them."""
    if not form.marks.isdisjoint(record) or (form.made and form.made.isdisjoint(record)):
        return True
    return bool(needed) and record.keys() >= needed


def check_rows(rows: int, most: int) -> None:
    """Raise when a request has no row, or too many.

    Raises
    ------
    Refusal
        422 or 413.
    """
    if rows == 0:
        raise Refusal(422, "no_rows", "there is no row to score")
    if rows > most:
        message = f"there are more than the {most} rows that one request may have; send them in several"
        raise Refusal(413, "too_many_rows", message)


def from_list(servable: Servable, rows: Any, most: int, place: str) -> Inputs:
    """Read a list of rows: each a list of all features in the order of training, or each an object.

    Raises
    ------
    Refusal
        413, 422.
    """
    if type(rows) is not list:
        raise faults.wrong_type(place, rows, "a list of rows")
    check_rows(len(rows), most)
    return from_records(servable, rows) if type(rows[0]) is dict else Inputs(from_vectors(servable, rows))


def from_split(servable: Servable, table: Any, most: int, place: str) -> Inputs:
    """Read a table as pandas' `orient="split"` writes it: `columns` and `data`; `index` is ignored.

    Raises
    ------
    Refusal
        413, 422.
    """
    faults.check_names(place, table, ("data",), ("columns", "index"))
    columns, rows = table.get("columns"), table["data"]
    if columns is None:
        return from_list(servable, rows, most, f"{place}.data")
    if type(columns) is not list or not all(type(name) is str for name in columns):
        raise faults.wrong_type(f"{place}.columns", columns, "a list of names")
    if type(rows) is not list:
        raise faults.wrong_type(f"{place}.data", rows, "a list of rows")
    check_rows(len(rows), most)
    if len(set(columns)) != len(columns):
        raise Refusal(422, "duplicate_name", f"{place}.columns: a name stands twice")
    return from_records(servable, [_named(columns, row, i) for i, row in enumerate(rows)])


def from_named(servable: Servable, columns: Mapping[str, Any], most: int, place: str) -> Inputs:
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
    check_rows(sum(lengths), most)
    return from_records(servable, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])


def _named(columns: list[str], row: Any, i: int) -> dict[str, Any]:
    if type(row) is not list:
        raise faults.wrong_type(f"row {i}", row, f"a list of {len(columns)} values")
    if len(row) != len(columns):
        raise Refusal(422, "wrong_width", f"row {i} has {len(row)} values for {len(columns)} columns")
    return dict(zip(columns, row, strict=True))
