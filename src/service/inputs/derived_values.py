"""Make the columns that a problem derives from its source, for records that are sent as the source has them.

It takes pandas and src/problems: an environment that only serves has no pandas, and asks for the columns instead. A
record is prepared with those of its request, so `prepare` has to make a row of that row alone.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from service.inputs import faults
from service.inputs.raw_records import contract_of, source_values
from service.refusal import Refusal


def with_derived(servable: Servable, records: Sequence[Any]) -> Sequence[Any]:
    """Return records with the columns that `prepare` makes, where they lack one that is read.

    Raises
    ------
    Refusal
        422: a value is not what its column may be, or the columns can't be made here: names those to send.
    """
    made = contract_of(servable).made
    if not made or not all(type(record) is dict and not record.keys() >= set(made) for record in records):
        return records
    sent = [source_values(servable, record, row) for row, record in enumerate(records)]
    columns = {name: [record.get(name) for record in sent] for name in dict.fromkeys(name for r in sent for name in r)}
    try:
        found = _preparation(servable).values_made(servable, columns, made)
    except PipelineError as error:
        message = f"{error}; send {faults.listed(made)} instead"
        raise Refusal(422, "not_prepared", message, made[0]) from error
    rows = zip(*(found[name] for name in made), strict=True)
    return [record | dict(zip(made, row, strict=True)) for record, row in zip(records, rows, strict=True)]


def is_prepared_here(servable: Servable) -> bool:
    """Tell whether the columns that `prepare` makes can be made in this environment, of this model."""
    if not contract_of(servable).made:
        return False
    try:
        _preparation(servable).problem_of(servable)
    except PipelineError:
        return False
    return True


def _preparation(servable: Servable) -> ModuleType:
    try:
        from lifecycle.bundle import source_preparation  # imports pandas
    except ImportError as error:
        raise PipelineError(
            f"this service can't run the `prepare` of {servable.schema['problem']}: it has no {error.name}"
        ) from error
    return source_preparation
