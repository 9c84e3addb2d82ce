"""Which columns of a table are read to score it: the model's features, or what features of the record are made from."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from lifecycle.features.vocabulary import Calendar, Feature, Window
from lifecycle.model.servable import Servable
from lifecycle.stage import PipelineError

FEATURES = "data/features/features.parquet"
MAKE = f"`python src/featurize.py` makes them for data/validated/records.parquet, in {FEATURES}"


class Columns(NamedTuple):
    """What is read.

    `identity` is handed on as it stands; `numbers` and `texts` go to the model, or into the features `made` here;
    `time` is the column that calendar features are made from, where there are any.
    """

    identity: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    time: str | None
    made: tuple[Feature, ...]

    @property
    def read(self) -> list[str]:
        """Every column once."""
        return list(dict.fromkeys((*self.identity, *self.numbers, *self.texts, *filter(None, [self.time]))))


def columns_of(servable: Servable, schema: pa.Schema) -> Columns:
    """Choose the columns of a table.

    Parameters
    ----------
    servable : Servable
        The model. A feature that the table lacks is made from the record's own columns, where they are enough.
    schema : pyarrow.Schema
        Of the table.

    Raises
    ------
    PipelineError
        A column is missing, there twice or of a wrong type.
    """
    key, time = servable.schema["key"], servable.schema["time"]
    made = _made(servable, set(schema.names))
    names = {name for feature in made for name in feature.names}
    sources = {name for feature in made for name in feature.reads} - names
    numbers = dict.fromkeys((*(name for name in servable.numbers if name not in names), *sorted(sources)))
    found = Columns(
        identity=tuple(name for name in (key, time) if name in schema.names),
        numbers=tuple(numbers),
        texts=servable.texts,
        time=time if any(isinstance(feature, Calendar) for feature in made) else None,
        made=made,
    )
    _check_present(found.read, schema)
    _check_types(found, schema)
    return found


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _made(servable: Servable, present: set[str]) -> tuple[Feature, ...]:
    """Return the features that have to be made, each behind those that it is made from."""
    found, wanted = [], set(servable.features) - present
    for feature in reversed(servable.declaration):
        if feature.reads != feature.names and not wanted.isdisjoint(feature.names):  # a Raw is its own column
            found.append(feature)
            wanted |= set(feature.reads) - present
    late = [name for feature in found if isinstance(feature, Window) for name in feature.names if name in wanted]
    if late:
        raise PipelineError(f"no column {', '.join(sorted(late))}: features that look at earlier records; {MAKE}")
    return tuple(reversed(found))


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
    wanted: Mapping[str, str] = dict.fromkeys(columns.numbers, "a number") | dict.fromkeys(columns.texts, "text")
    for name, what in {**wanted, **({columns.time: "a timestamp"} if columns.time else {})}.items():
        kind = schema.field(name).type
        fits = {
            "a number": pa.types.is_integer(kind) or pa.types.is_floating(kind),
            "text": is_text(kind),
            "a timestamp": pa.types.is_timestamp(kind),
        }
        if not fits[what] and not pa.types.is_null(kind):  # a column of nulls has no type; its rows are told
            raise PipelineError(f"column {name} has the type {kind}; it must be {what}")
