"""Turn rows of an Arrow table into a model's input: choose the columns, compute missing features, check the values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.value_limits import FLOAT32, MISSING_TEXT
from lifecycle.features.batch import as_microseconds, evaluate_depth
from lifecycle.problem.column_types import parse
from lifecycle.problem.problem import ROW_NUMBER, Column
from lifecycle.problem.record_words import Raw, RecordWord
from lifecycle.problem.window_words import Window

FEATURES = "data/features/features.parquet"
MAKE = f"`python src/featurize.py` makes them for data/validated/records.parquet, in {FEATURES}"
MISSING = "is missing, and no row that the model learned from lacked it"


class Columns(NamedTuple):
    """The columns to read.

    `identity` is copied as it is; `counted` says that the numbers of the rows are the key, and the file has none.
    `numbers` and `texts` go to the model, or into the features that are `computed` here; `time` is the column that
    calendar features are computed from, where there are any.
    """

    identity: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    time: str | None
    computed: tuple[RecordWord, ...]
    counted: bool

    @property
    def read(self) -> list[str]:
        """Every column once."""
        return list(dict.fromkeys((*self.identity, *self.numbers, *self.texts, *filter(None, [self.time]))))


def columns_of(servable: Servable, schema: pa.Schema) -> Columns:
    """Choose the columns of a table; a feature that it lacks is computed from the record's own columns, if possible.

    Raises
    ------
    PipelineError
        A column is missing, there twice or of a wrong type.
    """
    columns = choose(servable, schema.names)
    _check_present(columns.read, schema)
    _check_types(columns, schema)
    return columns


def choose(servable: Servable, present: Sequence[str]) -> Columns:
    """Choose the columns of a table that has some names; those to read may be missing among them.

    Raises
    ------
    PipelineError
        A feature that looks at earlier records is missing.
    """
    key, time = servable.schema["key"], servable.schema["time"]
    computed = _features_to_compute(servable, set(present))
    names = {name for feature in computed for name in feature.names}
    sources = {name for feature in computed for name in feature.reads} - names
    numbers = dict.fromkeys((*(name for name in servable.numbers if name not in names), *sorted(sources)))
    return Columns(
        identity=tuple(name for name in (key, time) if name in present),
        numbers=tuple(numbers),
        texts=servable.texts,
        time=time if any(feature.reads_time for feature in computed) else None,
        computed=computed,
        counted=key == ROW_NUMBER and key not in present,
    )


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _features_to_compute(servable: Servable, present: set[str]) -> tuple[RecordWord, ...]:
    """Return the features that have to be computed, each behind those that it is made from."""
    absent, missing = [], set(servable.features) - present
    for feature in reversed(servable.declaration):
        if not isinstance(feature, Raw) and not missing.isdisjoint(feature.names):
            absent.append(feature)
            missing |= set(feature.reads) - present
    windows = [name for feature in absent if isinstance(feature, Window) for name in feature.names if name in missing]
    if windows:
        raise PipelineError(f"no column {', '.join(sorted(windows))}: features that look at earlier records; {MAKE}")
    return tuple(feature for feature in reversed(absent) if isinstance(feature, RecordWord))


def _check_present(names: Sequence[str], schema: pa.Schema) -> None:
    lacking = [name for name in names if name not in schema.names]
    if lacking:
        raise PipelineError(
            f"no column {', '.join(lacking)}, which {FEATURES} has; there are: {', '.join(schema.names)}"
        )
    twice = [name for name in names if schema.names.count(name) > 1]
    if twice:
        raise PipelineError(f"there is more than one column {twice[0]}")


def _check_types(columns: Columns, schema: pa.Schema) -> None:
    kinds: Mapping[str, str] = dict.fromkeys(columns.numbers, "a number") | dict.fromkeys(columns.texts, "text")
    for name, expected in {**kinds, **({columns.time: "a timestamp"} if columns.time else {})}.items():
        kind = schema.field(name).type
        fits = {
            "a number": pa.types.is_integer(kind) or pa.types.is_floating(kind),
            "text": is_text(kind),
            "a timestamp": pa.types.is_timestamp(kind),
        }
        if not fits[expected] and not pa.types.is_null(kind):  # a column of nulls has no type; its rows are checked
            raise PipelineError(f"column {name} has the type {kind}; it must be {expected}")


class Fault(NamedTuple):
    """What is wrong with a value."""

    row: int
    column: str
    words: str


def batch_of(servable: Servable, columns: Columns, table: pa.Table, first: int) -> Batch:
    """Return rows of a file as the model's input; `first` is the number of the first one in the file, for messages.

    Raises
    ------
    PipelineError
        Names the first row with a value that can't be scored, and its column.
    """
    numbers = {name: _numbers(table[name]) for name in columns.numbers}
    coded = {name: _coded(name, table[name]) for name in columns.texts}
    faults = [*_faults_of_numbers(servable, numbers), *_faults_of_texts(servable, coded)]
    if columns.computed and not faults:
        features = _computed(columns, numbers, table, faults)
        faults += [] if faults else _faults_of_numbers(servable, features)
        numbers |= features
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


def _computed(
    columns: Columns, numbers: dict[str, np.ndarray], table: pa.Table, faults: list[Fault]
) -> dict[str, np.ndarray]:
    """Return the features that are computed here: none has a window, so each row is computed alone."""
    time_us = np.zeros(len(table), np.int64)
    if columns.time:
        cells = parse(table[columns.time], Column(columns.time, "timestamp", ""))
        if cells.values.null_count:
            row = int(cells.values.is_null().to_numpy(zero_copy_only=False).argmax())
            faults.append(Fault(row, columns.time, f"is {cells.misfits.get(row, 'missing')}"))
            return {}
        time_us = as_microseconds(cells.values.to_numpy())
    with np.errstate(over="ignore"):  # infinity is found as a fault
        return evaluate_depth(columns.computed, numbers, time_us, {})


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
