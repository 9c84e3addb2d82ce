import json

import pytest

from tests.service.helpers_protocols import FEATURES, TRANSACTION, VECTOR, Model, ask, numbers, refusal, request, route

PATH = "/score"
TABLE = {"columns": FEATURES[::-1], "index": [9], "data": [VECTOR[::-1]]}


@pytest.mark.parametrize(
    "content",
    [
        {"data": [VECTOR]},
        {"data": [dict(zip(FEATURES, VECTOR, strict=True))]},
        {"input_data": TABLE},
        {"input_data": TABLE, "params": {}},
        {"input_data": [VECTOR]},
    ],
)
def test_rows_and_tables_decode_to_the_same_floats(content):
    assert numbers(PATH, request(content)) == [VECTOR]
    assert len(json.loads(ask(PATH, request(content)).body)["predictions"]) == 1


def test_a_table_of_columns_holds_transactions():
    table = {"columns": list(TRANSACTION), "data": [list(TRANSACTION.values())]}
    assert route(PATH).decode(Model(), request({"input_data": table})).records[0]["id"] == 7


@pytest.mark.parametrize("content", [{"data": TABLE}, {"data": VECTOR}, {"input_data": 3}])
def test_other_content_is_refused(content):
    assert refusal(PATH, request(content)).kind == "wrong_type"


def test_inputs_of_automated_models_are_answered_with_results():
    named = dict(zip(FEATURES, VECTOR, strict=True))
    for more in ({}, {"GlobalParameters": {"method": "predict"}}, {"GlobalParameters": 1.0}):
        asked = request({"Inputs": {"data": [named]}} | more)
        assert numbers(PATH, asked) == [VECTOR]
        assert list(json.loads(ask(PATH, asked).body)["Results"][0]) == ["prediction", "probability", "score"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"Inputs": [VECTOR]}, "wrong_type"),
        ({"Inputs": {}}, "wrong_type"),
        ({"Inputs": {"data": VECTOR}}, "wrong_type"),
        ({"Inputs": {"data": [VECTOR]}, "GlobalParameters": {"method": "predict_proba"}}, "wrong_type"),
        ({"Inputs": {"data": [VECTOR]}, "params": {}}, "unknown_name"),
    ],
)
def test_other_inputs_are_refused(content, kind):
    assert refusal(PATH, request(content)).kind == kind
