"""Bodies in JSON, and which of the forms that a protocol has they are in."""

from collections.abc import Collection
from typing import Any

from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.messages import Request
from lifecycle.serving.protocols.json_text import parsed


def document(request: Request) -> Any:
    """Return what a request's body holds; see `parsed` for how it is refused."""
    return parsed(request.body)


def one_of(body: Any, names: Collection[str], others: Collection[str] = ()) -> str:
    """Return which of some names an object has; it must be exactly one. `others` may stand beside it.

    Raises
    ------
    Refusal
        422: no object, none or several of the names, or an unknown one.
    """
    if type(body) is not dict:
        raise faults.wrong_type("the body", body, f"an object with {' or '.join(map(repr, names))}")
    if len(body) == 1 and (only := next(iter(body))) in names:
        return str(only)
    found = [name for name in body if name in names]
    unknown = [name for name in body if name not in names and name not in others]
    if unknown:
        message = f"the body: unknown: {faults.listed(unknown)}; there are: {faults.listed([*names, *others])}"
        raise Refusal(422, "unknown_name", message, unknown[0][: faults.LONGEST])
    if len(found) != 1:
        message = f"the body must have exactly one of {faults.listed(names)}; it has {len(found)} of them"
        raise Refusal(422, "ambiguous" if found else "missing_name", message)
    return found[0]


def no_parameters(value: Any, name: str) -> None:
    """Raise when a request has parameters: the model takes none, and ignoring one would deceive.

    Raises
    ------
    Refusal
        422.
    """
    if value is not None and type(value) is not dict:
        raise faults.wrong_type(repr(name), value, "an object", name)
    if value:
        raise Refusal(422, "unknown_name", f"'{name}': the model takes no parameters: {faults.listed(value)}", name)
