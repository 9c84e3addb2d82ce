"""Rows of an Arrow table as a model takes them: arrays, checked, without a Python object for each value."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lifecycle.features.batch import evaluate_depth
from lifecycle.limits import FLOAT32, MISSING_TEXT
from lifecycle.model.batch.columns import Columns
from lifecycle.model.servable import Batch, Servable
from lifecycle.stage import PipelineError

MISSING = "is missing, and no row that the model learned from lacked it"


class Fault(NamedTuple):
    """What is wrong with a value."""

    row: int
    column: str
    words: str


def batch_of(servable: Servable, columns: Columns, table: pa.Table, first: int) -> Batch:
    """Return the rows of a table as the model takes them.

    Parameters
    ----------
    servable : Servable
        The model.
    columns : Columns
        What is read of the table.
    table : pyarrow.Table
        Some rows of the file.
    first : int
        The number of its first row in the file, for messages.

    Raises
    ------
    PipelineError
        Names the first row with a value that can't be scored, and its column.
    """
    numbers = {name: _numbers(table[name]) for name in columns.numbers}
    coded = {name: _coded(name, table[name]) for name in columns.texts}
    faults = [*_faults_of_numbers(servable, numbers), *_faults_of_texts(servable, coded)]
    if columns.made and not faults:
        found = _made(columns, numbers, table, faults)
        faults += [] if faults else _faults_of_numbers(servable, found)
        numbers |= found
    if faults:
        row, column, words = min(faults)
        raise PipelineError(f"row {first + row} (the first is 0), column {column}: {words}")
    matrix = np.empty((len(table), len(servable.numbers)))
    for place, name in enumerate(servable.numbers):
        matrix[:, place] = numbers[name]
    texts = [words[codes] for words, codes in coded.values()]
    return Batch(matrix, np.stack(texts, axis=1) if texts else None)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return integers without gaps as they are, everything else as float64, NaN where missing."""
    values = (column.cast(pa.float64()) if pa.types.is_null(column.type) else column).to_numpy()
    return values if values.dtype.kind in "iu" else values.astype(np.float64, copy=False)


def _coded(name: str, column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the texts of a column, `None` last, and the place of each row's."""
    coded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
    try:
        words = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
    except UnicodeDecodeError as error:
        raise PipelineError(f"column {name}: text that is not UTF-8") from error
    return words, coded.indices.fill_null(len(words) - 1).to_numpy()


def _made(columns: Columns, numbers: dict[str, np.ndarray], table: pa.Table, faults: list[Fault]) -> dict[str, Any]:
    """Return the features that are made here; without windows they need no other rows, and no order of time."""
    time_us = np.zeros(len(table), np.int64)
    if columns.time:
        time = table[columns.time]
        if time.null_count:
            faults.append(Fault(int(time.is_null().to_numpy().argmax()), columns.time, "is missing"))
            return {}
        time_us = time.to_numpy().astype("datetime64[us]").astype(np.int64)
    with np.errstate(over="ignore"):  # told as a fault
        return evaluate_depth(columns.made, numbers, time_us, {})


def _faults_of_numbers(servable: Servable, numbers: dict[str, np.ndarray]) -> Iterator[Fault]:
    nullable = {column["name"] for column in servable.schema["columns"] if column.get("nullable")}
    for name, values in numbers.items():
        bad = ~(np.abs(values) <= FLOAT32)
        if name in (servable.missing if name in servable.features else nullable):
            bad &= ~np.isnan(values)
        if bad.any():
            row = int(bad.argmax())
            yield Fault(
                row, name, MISSING if np.isnan(values[row]) else f"is not between -{FLOAT32:.4g} and {FLOAT32:.4g}"
            )


def _faults_of_texts(servable: Servable, coded: dict[str, tuple[np.ndarray, np.ndarray]]) -> Iterator[Fault]:
    for name, (words, codes) in coded.items():
        bad = np.array([word is not None and (MISSING_TEXT in word or "\0" in word) for word in words])
        bad[-1] = name not in servable.missing
        if bad[codes].any():
            row = int(bad[codes].argmax())
            yield Fault(row, name, MISSING if words[codes[row]] is None else "holds what is no character")
