"""Why the online store does not take a record, or can't: said without a key or any other value of it."""

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from lifecycle.features.online.home import LateRecordError, RepeatError
from lifecycle.features.online.schema import Event, Schema
from lifecycle.features.online.typed import ColumnError
from lifecycle.features.vocabulary import DAY_US
from lifecycle.serving.errors import Refusal

P = ParamSpec("P")
T = TypeVar("T")


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
