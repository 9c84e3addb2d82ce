import pytest

from service.protocols.json_body import document, no_parameters, one_of
from service.refusal import Refusal
from tests.service.helpers_protocols import request


def test_a_body_is_json():
    assert document(request({"a": [1]})) == {"a": [1]}
    with pytest.raises(Refusal, match="it is empty"):
        document(request(body=b""))


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
    ],
)
def test_exactly_one_form_is_chosen(body, kind):
    with pytest.raises(Refusal) as found:
        one_of(body, ("a", "b"), ("c",))
    assert (found.value.status, found.value.kind) == (422, kind)
    assert one_of({"c": 1, "b": 2}, ("a", "b"), ("c",)) == one_of({"b": 2}, ("a", "b")) == "b"


def test_parameters_are_not_ignored():
    no_parameters(None, "params")
    no_parameters({}, "params")
    for given_ in ({"temperature": 1}, [], 0, "x"):
        with pytest.raises(Refusal, match="params"):
            no_parameters(given_, "params")
