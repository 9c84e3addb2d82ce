"""Rows of features, checked, as the model takes them: what every protocol decodes to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lifecycle.bundle.servable import Batch, Servable
from service.inputs import faults
from service.inputs.raw_records import transaction
from service.inputs.values import Form, form_of, in_range, matrix, texts
from service.protocol import Inputs
from service.refusal import Refusal


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


def from_records(servable: Servable, records: Sequence[Any]) -> Inputs:
    """Check rows that are named: all rows of features, or all raw transactions.

    A record that holds the key or the time of the problem is a transaction, unless its names are just the features.

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
    raw = [type(record) is dict and not form.marks.isdisjoint(record) for record in records]
    if not any(raw):
        advice = f"; a raw transaction has {' and '.join(map(repr, sorted(form.marks)))}"
        for i, record in enumerate(records):
            faults.check_names(f"row {i}", record, form.features, advice=advice)
    if not all(raw):
        message = f"row {raw.index(False)} is no raw transaction and others are; send one kind of rows"
        raise Refusal(422, "mixed_rows", message)
    return [transaction(servable, record, i) for i, record in enumerate(records)]
