"""Events for a store: the served feature list, and rows that are kept as records or labels."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from lifecycle.bundle.manifest import Manifest, read_member
from lifecycle.bundle.servable import Batch, Servable
from lifecycle.features.online.evaluator import LateRecordError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import ColumnError, Event, Label, RepeatError, Schema
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import features_of
from service.inputs.derived_values import with_derived
from service.inputs.raw_records import label, transaction
from service.inputs.value_checks import form_of, in_range, texts
from service.refusal import Refusal

P = ParamSpec("P")
T = TypeVar("T")
LABEL = "label"  # {"label": {...}}; everything else is a transaction


class FeatureList(NamedTuple):
    """How features are made of records.

    Parameters
    ----------
    plan : Plan
        The order of work.
    schema : Schema
        How records look.
    contract : mapping
        The bundle's features.json.
    digest : str
        Tells lists apart: another one would answer with other columns, or from another state.
    """

    plan: Plan
    schema: Schema
    contract: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, contract: Mapping[str, Any], schema: Mapping[str, Any]) -> "FeatureList":
        """Return the list that a bundle's features.json and schema.json describe."""
        plan = Plan(features_of(contract["declaration"]), contract["decimals"])
        columns = {c["name"]: SimpleNamespace(type=c["type"], nullable=c.get("nullable")) for c in schema["columns"]}
        problem: Any = SimpleNamespace(
            columns=columns, key=schema["key"], time=schema["time"], label_columns=schema["labels"]
        )
        about = [contract["declaration"], contract["decimals"], schema["key"], schema["time"], schema["labels"]]
        about += [[name, column.type, bool(column.nullable)] for name, column in columns.items()]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        return cls(plan, Schema.of(problem, plan), contract, digest)


def list_of(servable: "Servable") -> FeatureList:
    """Return the feature list of a model, prepared when it is first asked for."""
    found = _LISTS.get(servable)
    if found is None:
        found = _LISTS[servable] = FeatureList.of(servable.contract, servable.schema)
    return found


def base_of(folder: Path, manifest: Manifest) -> Snapshot:
    """Return the state that a bundle starts with."""
    return Snapshot.load(io.BytesIO(read_member(folder, manifest, "state.npz")))


_LISTS: WeakKeyDictionary["Servable", FeatureList] = WeakKeyDictionary()


class Found(NamedTuple):
    """What the model takes of some records, and what it was made from: their columns, and all their features."""

    batch: Batch
    records: Sequence[Mapping[str, Any]]
    features: Sequence[Mapping[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What reasons read: columns and features of each record, hidden ones too."""
        return [{**record, **row} for record, row in zip(self.records, self.features, strict=True)]


def found_of(servable: Servable, records: Sequence[Mapping[str, Any]], features: Sequence[Mapping[str, Any]]) -> Found:
    """Put the features of records into the order of a model.

    Raises
    ------
    Refusal
        422: the model can't take a value, such as one that is missing where it never was in training.
    """
    form = form_of(servable)
    numbers = np.array([form.numbers_of(row) for row in features], np.float64)
    batch = Batch(in_range(form, numbers.reshape(len(features), len(form.numbers))))
    if form.texts:
        batch = batch._replace(texts=texts(form, [form.texts_of(row) for row in features]))
    return Found(batch, records, features)


def read_events(servable: Servable, schema: Schema, events: Sequence[Any], latest: int) -> list[Event | Label]:
    """Check events, each by itself.

    Parameters
    ----------
    servable : Servable
        Whose problem they are of.
    schema : Schema
        What the online state takes of them.
    events : sequence of Any
        What JSON gave.
    latest : int
        The latest time that a transaction may have, microseconds since 1970: a clock that is wrong would push all that
        comes after it out of the windows.

    Raises
    ------
    Refusal
        422, naming row and column.
    """
    places = [place for place, event in enumerate(events) if not _is_label(event)]
    whole = list(events)
    for place, record in zip(places, with_derived(servable, [events[place] for place in places]), strict=True):
        whole[place] = record
    return [_read(servable, schema, event, row, latest) for row, event in enumerate(whole)]


def _is_label(event: Any) -> bool:
    return type(event) is dict and event.keys() == {LABEL}


def _read(servable: Servable, schema: Schema, event: Any, row: int, latest: int) -> Event | Label:
    if _is_label(event):
        values = label(servable, event[LABEL], row)
        return told(row, schema.label, values[schema.key], values)
    found = event_of(schema, transaction(servable, event, row), row)
    if found.time > latest:
        ahead = (found.time - time.time() * 1e6) / DAY_US
        message = f"row {row}: {schema.time!r} is {ahead:.2f} days after the clock; SERVE_MAX_AHEAD allows less"
        raise Refusal(422, "too_far_ahead", message, schema.time)
    return found


def unavailable(words: str) -> Refusal:
    """Return the refusal of what may be tried again: nothing was acknowledged, and what is known already stays so."""
    return Refusal(503, "store_unavailable", f"the online store can't answer, try again: {words}")


def refusal_of(error: ValueError, row: int) -> Exception:
    """Return what the online features say of a record as the refusal of a row; other errors as they are."""
    match error:
        case LateRecordError(by=by, behind_us=behind_us, lateness_us=lateness_us):
            behind, most = f"{behind_us / DAY_US:.2f}", f"{lateness_us / DAY_US:g}"
            message = (
                f"row {row}: {behind} days older than the newest record of its {by!r}; at most {most} can be taken"
            )
            return Refusal(409, "late_record", message, by)
        case RepeatError(column=column):
            message = f"row {row}: a record with the same key is kept already, with another {column!r}"
            return Refusal(409, "other_content", message, column)
        case ColumnError(column=column):
            message = f"row {row}: {column!r} is of another type, or larger, than the online features can take"
            return Refusal(422, "wrong_type", message, column)
    return error


def told(row: int, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Return what work gives for a row; what the online features say against it is the refusal of that row.

    Raises
    ------
    Refusal
        See `refusal_of`.
    """
    try:
        return work(*given, **named)
    except ValueError as error:
        raise refusal_of(error, row) from error


def event_of(schema: Schema, record: Mapping[str, Any], row: int) -> Event:
    """Return what the online features read of a record.

    Raises
    ------
    Refusal
        422: a value that the data contract allows, but sums can't hold exactly.
    """
    return told(row, schema.event, record)
