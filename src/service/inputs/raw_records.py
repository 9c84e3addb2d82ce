"""Raw transactions and labels, held against the data contract that the training table had to fulfil."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from lifecycle.bundle.servable import Servable
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.window_words import Window, computed_names, features_of
from service.inputs import faults
from service.inputs.value_checks import Check, checker
from service.refusal import Refusal

UNSENT: Mapping[str, Any] = {"integer": 0, "number": 0.0, "text": "", "timestamp": 0}


class Contract(NamedTuple):
    """How transactions look.

    Parameters
    ----------
    checks : mapping of str to callable
        Of each column.
    required : tuple of str
        The columns that must be there: those that features are made from, and key and time where there is a history.
    defaults : mapping of str to Any
        What stands in place of others.
    key : str
        The column of the key.
    late, ignored : frozenset of str
        The columns that are known later, and what is sent and not read.
    made : tuple of str
        The required columns that the source does not have: the problem's `prepare` makes them.
    """

    checks: Mapping[str, Check]
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    key: str
    late: frozenset[str]
    ignored: frozenset[str]
    made: tuple[str, ...]


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
    checks = {name: label_checker(schema, column) for name, column in columns.items()}
    defaults = {name: column["default"] for name, column in columns.items() if column.get("default") is not None}
    free = {*late, *defaults, *(name for name, column in columns.items() if column.get("nullable"))}
    read, unread = _columns_read(servable), {schema["key"], schema["time"]} - {None}
    required = tuple(name for name in columns if name in read and name not in free)
    made = tuple(name for name in required if columns[name].get("derived") and name != schema["key"])
    # Nothing is remembered where nothing reads the key; the feature list takes any.
    unsent = {name: UNSENT[columns[name]["type"]] for name in columns if name in unread - read}
    return Contract(
        checks, required, unsent | defaults, schema["key"], late, frozenset(schema.get("ignored", ())), made
    )


def as_source(schema: Mapping[str, Any], column: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a column of schema.json as the source has it: the target's labels there instead of their codes."""
    codes = _codes(schema, column)
    if not codes:
        return column
    labels = [label for label in codes if label is not None]
    kind = "text" if type(labels[0]) is str else "integer"
    return {**column, "type": kind, "isin": None if None in codes else labels}


def label_checker(schema: Mapping[str, Any], column: Mapping[str, Any]) -> Check:
    """Return the check of a column; that of the target turns a label into its code."""
    check, codes = checker(as_source(schema, column)), _codes(schema, column)
    return (lambda value: codes.get(check(value), codes.get(None))) if codes else check


def _codes(schema: Mapping[str, Any], column: Mapping[str, Any]) -> dict[Any, int]:
    """Return the code of each label of the target, of `None` that of any other; none where labels are the codes."""
    classes = schema.get("classes") or [0, 1]
    if column["name"] != schema["target"] or classes == [0, 1]:
        return {}
    return {label: code for code, label in enumerate(classes)}


def _columns_read(servable: Servable) -> set[str]:
    """Return the columns that features are made from, and key and time where one looks at earlier records."""
    schema, words = servable.schema, features_of(servable.contract["declaration"])
    read = {name for word in words for name in word.reads} - set(computed_names(words))
    has_history = any(isinstance(word, Window) for word in words)
    if has_history:
        read |= {schema["key"]}
    if has_history or any(word.reads_time for word in words if isinstance(word, RecordWord)):
        read |= {schema["time"]}
    return read


def source_values(servable: Servable, record: Mapping[str, Any], row: int) -> dict[str, Any]:
    """Return the values of a record as the source has them, for `prepare`: checked, and as they were sent.

    Raises
    ------
    Refusal
        422, naming row and column.
    """
    contract = contract_of(servable)
    required = [name for name in contract.required if name not in contract.made]
    _checked(contract, record, row, tuple(required), contract.late)
    return dict(record)


def _labels(contract: Contract) -> str:
    return faults.listed(sorted(contract.late))


def _checked(
    contract: Contract, record: Any, row: int, required: tuple[str, ...], unknown_yet: frozenset[str]
) -> dict[str, Any]:
    faults.check_names(f"row {row}", record, required, (*contract.checks, *contract.ignored))
    found = {}
    for name, value in record.items():
        if (value is None and name in unknown_yet) or name in contract.ignored:
            continue
        try:
            found[name] = contract.checks[name](value)
        except ValueError as error:
            raise Refusal(422, "out_of_contract", f"row {row}: {name!r} {error}", name) from error
    return found
