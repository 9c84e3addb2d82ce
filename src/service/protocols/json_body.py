"""Read the body of a request: JSON with an exact position of what is wrong, and its rows."""

import json
from collections import Counter
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct

from service.inputs import faults
from service.refusal import Refusal

_decode = msgspec.json.Decoder().decode
_decode_far = msgspec.json.Decoder(float_hook=float).decode  # 1e999 becomes infinite, and its row can be named
T = TypeVar("T")
NO_MORE = {"type": ["object", "null"], "maxProperties": 0, "description": "the model takes none"}
NoParameters = Annotated[Any, Meta(extra_json_schema=NO_MORE)]  # see `no_parameters`
FLAWS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def parsed(body: bytes) -> Any:
    """Return what JSON text holds.

    Raises
    ------
    Refusal
        400: not JSON in UTF-8, a name that stands twice in an object, too deep. 422: a number of thousands of digits.
    """
    try:
        found = _decode(body)
    except msgspec.ValidationError:  # a number that no float64 can hold
        found = _parsed_far(body)
    except FLAWS as error:
        raise _malformed(body, error) from error
    if body.count(b":") > 1:
        _check_unique(body, found)
    return found


def _parsed_far(body: bytes) -> Any:
    try:
        return _decode_far(body)
    except msgspec.ValidationError as error:
        raise Refusal(422, "out_of_range", f"a number has too many digits: {error}") from error
    except FLAWS as error:
        raise _malformed(body, error) from error


def _malformed(body: bytes, error: Exception) -> Refusal:
    if isinstance(error, RecursionError):
        return Refusal(400, "malformed_json", "the body is nested too deeply")
    said = str(error).removeprefix("JSON is malformed: ") if body else "it is empty"
    hint = "; NaN and Infinity are not in JSON, a missing value is null" if b"NaN" in body or b"Inf" in body else ""
    return Refusal(400, "malformed_json", f"the body is no JSON in UTF-8: {said}{hint}")


def _check_unique(body: bytes, found: Any) -> None:
    """Raise when a name stands twice in one object; of such, `found` has only the last.

    Each name has one colon. Without escapes every other colon stands in a text, so more than in `found` were lost.
    """
    try:
        if b"\\" in body or body.count(b":") != _colons(found):
            json.loads(body.decode(), object_pairs_hook=_unique, parse_int=len)
    except RecursionError as error:
        raise _malformed(body, error) from error


def _colons(value: Any) -> int:
    """Count the colons that JSON text must at least have: one for each name, and those in texts."""
    if type(value) is dict:
        count = len(value) + "".join(value).count(":")
        value = value.values()
    else:
        count, value = 0, value if type(value) is list else ()
    for each in value:
        kind = type(each)
        if kind is str:
            count += each.count(":")
        elif kind is dict or kind is list:
            count += _colons(each)
    return count


def _unique(pairs: list[tuple[str, Any]]) -> None:
    (name, times), *_ = *Counter(name for name, _ in pairs).most_common(1), ("", 0)
    if times > 1:
        raise Refusal(400, "duplicate_name", f"the name {faults.short(name)} stands {times} times in one object")


class Forms:
    """The forms that a body may have, each told by its first field.

    Parameters
    ----------
    *forms : type
        Structs without an unknown field; the first one of each is its own.
    """

    def __init__(self, *forms: type[Struct]) -> None:
        self._by_mark = {form.__struct_fields__[0]: form for form in forms}
        self._open = {mark for mark, form in self._by_mark.items() if get_type_hints(form)[mark] is Any}
        self._names = [*self._by_mark, *dict.fromkeys(name for form in forms for name in form.__struct_fields__[1:])]

    def read(self, body: Any) -> Any:
        """Return what JSON has given as one of the forms.

        Raises
        ------
        Refusal
            422: no object, the own fields of none or of several forms, an unknown name, or a value of another type.
        """
        marks = self._by_mark
        if type(body) is not dict:
            raise faults.wrong_type("the body", body, f"an object with {' or '.join(map(repr, marks))}")
        if len(body) == 1 and (only := next(iter(body))) in self._open:
            return marks[only](body[only])
        found = [name for name in body if name in marks]
        unknown = [name for name in body if name not in self._names]
        if not unknown and len(found) == 1:
            unknown = [name for name in body if name not in marks[found[0]].__struct_fields__]
        if unknown:
            known = marks[found[0]].__struct_fields__ if len(found) == 1 else self._names
            message = f"the body: unknown: {faults.listed(unknown)}; there are: {faults.listed(known)}"
            raise Refusal(422, "unknown_name", message, unknown[0][: faults.LONGEST])
        if len(found) != 1:
            message = f"the body must have exactly one of {faults.listed(marks)}; it has {len(found)} of them"
            raise Refusal(422, "ambiguous" if found else "missing_name", message)
        return converted(body, marks[found[0]])


def converted(body: Any, form: type[T]) -> T:
    """Return what JSON has given as a struct.

    Raises
    ------
    Refusal
        422: says where it does not fit.
    """
    try:
        return msgspec.convert(body, form, strict=True)
    except msgspec.ValidationError as error:
        raise Refusal(422, "wrong_type", f"the request: {str(error)[:200]}") from error


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
