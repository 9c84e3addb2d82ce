from typing import Any

import pytest
from msgspec import Struct

from service.protocols.json_body import Forms, no_parameters, parsed
from service.refusal import Refusal
from tests.service.helpers_protocols import request


def test_a_body_is_json():
    assert parsed(request({"a": [1]}).body) == {"a": [1]}
    with pytest.raises(Refusal, match="it is empty"):
        parsed(request(body=b"").body)


class A(Struct, forbid_unknown_fields=True):
    a: Any
    c: int = 0


class B(Struct, forbid_unknown_fields=True):
    b: Any


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([], "wrong_type"),
        (None, "wrong_type"),
        ({}, "missing_name"),
        ({"c": 1}, "missing_name"),
        ({"a": 1, "b": 2}, "ambiguous"),
        ({"a": 1, "d": 2}, "unknown_name"),
        ({"d": 2}, "unknown_name"),
        ({"b": 1, "c": 2}, "unknown_name"),
        ({"a": 1, "c": "x"}, "wrong_type"),
    ],
)
def test_exactly_one_form_is_chosen(body, kind):
    forms = Forms(A, B)
    with pytest.raises(Refusal) as found:
        forms.read(body)
    assert (found.value.status, found.value.kind) == (422, kind)
    assert forms.read({"c": 1, "a": 2}) == A(2, 1)
    assert forms.read({"b": [3]}) == B([3])


def test_parameters_are_not_ignored():
    no_parameters(None, "params")
    no_parameters({}, "params")
    for given_ in ({"temperature": 1}, [], 0, "x"):
        with pytest.raises(Refusal, match="params"):
            no_parameters(given_, "params")
