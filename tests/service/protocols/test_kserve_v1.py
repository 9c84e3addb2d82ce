import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.value_limits import FLOAT32
from service.refusal import Refusal
from tests.service.helpers_protocols import FEATURES, TRANSACTION, VECTOR, Model, ask, numbers, refusal, request, route

PATH = "/v1/models/{name}:predict"
ROW = dict(zip(FEATURES, VECTOR, strict=True))
tables = st.lists(st.lists(st.floats(-FLOAT32, FLOAT32), min_size=3, max_size=3), min_size=1, max_size=6)


def columns(rows):
    return dict(zip(FEATURES, map(list, zip(*rows, strict=True)), strict=True))


@given(tables)
def test_every_form_decodes_to_the_same_floats(rows):
    named = [dict(zip(FEATURES, row, strict=True)) for row in rows]
    for content in (
        {"instances": rows},
        {"instances": named},
        {"inputs": rows},
        {"inputs": named},
        {"inputs": columns(rows)},
    ):
        assert numbers(PATH, request(content | {"signature_name": "serving_default"})) == rows


def test_rows_are_answered_in_rows_and_columns_in_columns():
    rows = [VECTOR, [-9.0, 0.0, 0.0]]
    (first, second) = json.loads(ask(PATH, request({"instances": rows})).body)["predictions"]
    assert list(first) == ["prediction", "probability", "score"]
    outputs = json.loads(ask(PATH, request({"inputs": columns(rows)})).body)["outputs"]
    assert outputs == {name: [first[name], second[name]] for name in first}
    assert outputs["prediction"] == [1, 0]


def test_columns_of_transactions_are_transactions():
    content = {"inputs": {name: [value, value] for name, value in TRANSACTION.items()}}
    assert len(route(PATH).decode(Model(), request(content)).records) == 2


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        ({"instances": [], "signature_name": "a"}, 422, "no_rows"),
        ({"instances": VECTOR}, 422, "wrong_type"),
        ({"instances": [VECTOR, ROW]}, 422, "wrong_type"),
        ({"instances": "rows"}, 422, "wrong_type"),
        ({"instances": [VECTOR], "signature_name": 3}, 422, "wrong_type"),
        ({"instances": [VECTOR], "inputs": [VECTOR]}, 422, "ambiguous"),
        ({"instances": [VECTOR], "parameters": {}}, 422, "unknown_name"),
        ({"inputs": {}}, 422, "no_rows"),
        ({"inputs": {name: [] for name in FEATURES}}, 422, "no_rows"),
        ({"inputs": columns([VECTOR]) | {"age": [1, 2]}}, 422, "wrong_width"),
        ({"inputs": columns([VECTOR]) | {"age": 1}}, 422, "wrong_type"),
        ({"inputs": columns([VECTOR]) | {"x": [1]}}, 422, "unknown_name"),
        ({"instances": [VECTOR] * 101}, 413, "too_many_rows"),
        ({"inputs": columns([VECTOR] * 101)}, 413, "too_many_rows"),
    ],
)
def test_other_content_is_refused(content, status, kind):
    found = refusal(PATH, request(content))
    assert (found.status, found.kind) == (status, kind)


@pytest.mark.parametrize("path", ["/v1/models/{name}", "/v1/models/{name}/versions/{version}"])
def test_the_state_is_what_both_servers_say(path):
    asked = request()._replace(parameters={"name": "fraud", "version": "0123456789ab"})
    content = json.loads(ask(path, asked, method="GET").body)
    assert (content["name"], content["ready"]) == ("fraud", True)
    assert [each["state"] for each in content["model_version_status"]] == ["AVAILABLE"]
    unready = ask(path, asked, method="GET", ready=False)
    assert (unready.status, json.loads(unready.body)["ready"]) == (503, False)
    assert json.loads(ask("/v1/models", request(), method="GET").body) == {"models": ["fraud"]}


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [({"name": "other"}, "unknown_model"), ({"name": "fraud", "version": "1"}, "unknown_version")],
)
@pytest.mark.parametrize("path", ["/v1/models/{name}", "/v2/models/{name}", "/v2/models/{name}/ready"])
def test_another_model_or_version_is_not_found(path, parameters, kind):
    for each, method in ((path, "GET"), (PATH, "POST"), ("/v2/models/{name}/infer", "POST")):
        with pytest.raises(Refusal) as found:
            route(each, method).decode(Model(), request({"instances": [VECTOR]})._replace(parameters=parameters))
        assert (found.value.status, found.value.kind) == (404, kind)


def test_what_curl_says_of_json_by_itself_will_do():
    """The calls in the documentation of TensorFlow Serving name no content type."""
    assert {b"application/x-www-form-urlencoded", b"text/plain"} <= set(route(PATH).endpoint.accepts)
    assert b"text/plain" not in route("/predict").endpoint.accepts
