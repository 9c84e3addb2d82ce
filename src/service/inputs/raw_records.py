"""Raw transactions and labels, held against the data contract that the training table had to fulfil."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from lifecycle.bundle.servable import Servable
from service.inputs import faults
from service.inputs.value_checks import Check, checker
from service.refusal import Refusal


class Contract(NamedTuple):
    """How transactions look: a check for each column, which must be there, what stands for others, which come late."""

    checks: Mapping[str, Check]
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    key: str
    late: frozenset[str]


def transaction(servable: Servable, record: Any, row: int) -> dict[str, Any]:
    """Check a raw transaction.

    Parameters
    ----------
    servable : Servable
        Whose problem it is of.
    record : Any
        What JSON gave.
    row : int
        Its number in the request, for messages.

    Returns
    -------
    dict
        Its columns, those of the contract's defaults filled in; timestamps in microseconds since 1970, UTC. A label is
        only there when it is known.

    Raises
    ------
    Refusal
        422, naming row and column.
    """
    contract = contract_of(servable)
    found = _checked(contract, record, row, contract.required, contract.late)
    return {**contract.defaults, **found} if contract.defaults else found


def label(servable: Servable, values: Any, row: int) -> dict[str, Any]:
    """Check what has become known of a transaction: its key and one label or more.

    Raises
    ------
    Refusal
        422, naming row and column.
    """
    contract = contract_of(servable)
    found = _checked(contract, values, row, (contract.key,), frozenset())
    other = [name for name in found if name != contract.key and name not in contract.late]
    if other:
        message = f"row {row}: {faults.listed(other)} can't become known later; labels are: {_labels(contract)}"
        raise Refusal(422, "unknown_name", message, other[0])
    if len(found) < 2:
        raise Refusal(422, "missing_name", f"row {row}: a label needs one of {_labels(contract)} with a value")
    return found


@lru_cache(maxsize=1)  # one: a model that was swapped out must not be kept
def contract_of(servable: Servable) -> Contract:
    """Return the contract of a model's problem, prepared when it is first asked for."""
    schema = servable.schema
    columns, late = {c["name"]: c for c in schema["columns"]}, frozenset(schema["labels"])
    checks = {name: checker(column) for name, column in columns.items()}
    defaults = {name: column["default"] for name, column in columns.items() if column.get("default") is not None}
    free = {*late, *defaults, *(name for name, column in columns.items() if column.get("nullable"))}
    return Contract(checks, tuple(name for name in columns if name not in free), defaults, schema["key"], late)


def _labels(contract: Contract) -> str:
    return faults.listed(sorted(contract.late))


def _checked(
    contract: Contract, record: Any, row: int, required: tuple[str, ...], unknown_yet: frozenset[str]
) -> dict[str, Any]:
    faults.check_names(f"row {row}", record, required, contract.checks)
    found = {}
    for name, value in record.items():
        if value is None and name in unknown_yet:
            continue
        try:
            found[name] = contract.checks[name](value)
        except ValueError as error:
            raise Refusal(422, "out_of_contract", f"row {row}: {name!r} {error}", name) from error
    return found
