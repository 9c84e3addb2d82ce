"""Words for what is wrong with a value: row, field, type and limit, never the value, so they may be logged."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.refusal import Refusal

WORDS: Mapping[type, str] = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "text",
    type(None): "null",
}
LONGEST = 60  # of what a client named, as it is repeated to it


def said(value: Any) -> str:
    """Return what JSON calls a value."""
    return WORDS.get(type(value), "something else")


def short(name: str) -> str:
    """Return a name that a client sent, quoted; the end of a long one is left out."""
    return repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}...")


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names, quoted, separated by commas; many are counted."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(short, names[:most])) + more


def wrong_type(place: str, value: Any, wanted: str, field: str | None = None) -> Refusal:
    """Return the refusal of a value that is not of its type."""
    return Refusal(422, "wrong_type", f"{place} is {said(value)}; it must be {wanted}", field)


def check_names(place: str, found: Any, wanted: Sequence[str], known: Iterable[str] = (), advice: str = "") -> None:
    """Raise when something is no object, or has not the right names; `known` may be there, `wanted` must.

    Raises
    ------
    Refusal
        422, for each kind of mistake one, the unknown name first: it is often the missing one, misspelt.
    """
    if type(found) is not dict:
        raise wrong_type(place, found, "an object")
    legal = dict.fromkeys([*wanted, *known])
    unknown = [name for name in found if name not in legal]
    if unknown:
        message = f"{place}: unknown: {listed(unknown)}; there are: {listed(legal, 40)}{advice}"
        raise Refusal(422, "unknown_name", message, unknown[0][:LONGEST])
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise Refusal(422, "missing_name", f"{place}: lacks {listed(lacking)}{advice}", lacking[0])
