"""What POST /events holds: transactions that have happened, and labels that have become known."""

import time
from collections.abc import Sequence
from typing import Any

from lifecycle.features.online.schema import Event, Label, Schema
from lifecycle.features.vocabulary import DAY_US
from lifecycle.model.servable import Servable
from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs.transactions import label, transaction
from lifecycle.serving.online.store_errors import event_of, told

LABEL = "label"  # {"label": {...}}; everything else is a transaction


def read(servable: Servable, schema: Schema, events: Sequence[Any], max_ahead: float) -> list[Event | Label]:
    """Check events, each by itself.

    Parameters
    ----------
    servable : Servable
        Whose problem they are of.
    schema : Schema
        What the online state takes of them.
    events : sequence of Any
        What JSON gave.
    max_ahead : float
        How much later than now a transaction may be, seconds: a clock that is wrong would push all that comes after it
        out of the windows.

    Raises
    ------
    Refusal
        422, naming row and column.
    """
    latest = round((time.time() + max_ahead) * 1e6)
    return [_read(servable, schema, event, row, latest) for row, event in enumerate(events)]


def _read(servable: Servable, schema: Schema, event: Any, row: int, latest: int) -> Event | Label:
    if type(event) is dict and event.keys() == {LABEL}:
        values = label(servable, event[LABEL], row)
        return told(row, schema.label, values[schema.key], values)
    found = event_of(schema, transaction(servable, event, row), row)
    if found.time > latest:
        ahead = (found.time - time.time() * 1e6) / DAY_US
        message = f"row {row}: {schema.time!r} is {ahead:.2f} days after the clock; SERVE_MAX_AHEAD allows less"
        raise Refusal(422, "too_far_ahead", message, schema.time)
    return found
