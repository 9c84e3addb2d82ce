import json

import pytest

from tests.service.helpers_protocols import (
    FEATURES,
    TRANSACTION,
    VECTOR,
    Model,
    answer,
    ask,
    numbers,
    refusal,
    request,
    route,
)

PATH = "/predict"
ROW = dict(zip(FEATURES, VECTOR, strict=True))


def test_one_vector_gets_just_a_prediction_and_its_probability():
    content = json.loads(ask(PATH, request({"features": VECTOR})).body)
    assert list(content) == ["prediction", "probability"]
    assert content["prediction"] == 1
    assert type(content["prediction"]) is int
    assert content["probability"] == pytest.approx(0.27738961755)
    low = json.loads(ask(PATH, request({"features": [-9.0, 0, 0]})).body)
    assert low["prediction"] == 0


def test_named_rows_get_all_there_is_to_say():
    reply = ask(PATH, request({"records": [ROW, ROW | {"amount": -90}]}))
    content = json.loads(reply.body)
    assert reply.content_type == b"application/json"
    assert {key: content[key] for key in content if key != "predictions"} == {
        "threshold": 0.5,
        "model": "fraud",
        "version": "0123456789ab",
        "request_id": "id-1",
    }
    assert [list(row) for row in content["predictions"]] == [["prediction", "decision", "probability", "score"]] * 2
    assert [row["decision"] for row in content["predictions"]] == ["alert", "pass"]


def test_reasons_are_given_to_each_row_when_they_are_asked_for():
    content = json.loads(ask(PATH, request({"records": [ROW, ROW], "reasons": 2.0})).body)
    reasons = [{"feature": name, "contribution": 0.5, "words": f"{name} is high"} for name in FEATURES[:2]]
    assert [row["reasons"] for row in content["predictions"]] == [reasons, reasons]
    assert "reasons" not in json.loads(ask(PATH, request({"records": [ROW], "reasons": 0})).body)["predictions"][0]


def test_transactions_are_handed_on_with_what_was_asked():
    inputs = route(PATH).decode(Model(), request({"records": [TRANSACTION], "reasons": 3}))
    assert inputs.batch is None
    assert inputs.records[0]["id"] == 7
    assert inputs.reasons == 3
    assert json.loads(route(PATH).encode(Model(), inputs, answer(Model(), inputs)).body)["predictions"]


def test_the_order_of_names_has_no_say():
    assert numbers(PATH, request({"records": [dict(reversed(ROW.items()))]})) == [VECTOR]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"features": VECTOR, "reasons": 1}, "unknown_name"),
        ({"features": VECTOR, "records": [ROW]}, "ambiguous"),
        ({"features": [VECTOR]}, "wrong_width"),
        ({"features": ROW}, "wrong_type"),
        ({"features": None}, "wrong_type"),
        ({"records": ROW}, "wrong_type"),
        ({"records": [VECTOR]}, "wrong_type"),
        ({"records": []}, "no_rows"),
        ({"records": [ROW], "reasons": 4}, "out_of_range"),
        ({"records": [ROW], "reasons": -1}, "out_of_range"),
        ({"records": [ROW], "reasons": True}, "wrong_type"),
        ({"records": [ROW], "reasons": 1.5}, "wrong_type"),
        ({"records": [ROW], "reasons": None}, "wrong_type"),
        ({"reasons": 1}, "missing_name"),
        ({"feature": VECTOR}, "unknown_name"),
        (VECTOR, "wrong_type"),
    ],
)
def test_other_content_is_refused(content, kind):
    found = refusal(PATH, request(content))
    assert (found.status, found.kind) == (422, kind)


def test_too_many_rows_are_refused_before_they_are_looked_at():
    found = refusal(PATH, request({"records": [ROW, {}, {}]}), max_rows=2)
    assert (found.status, found.kind) == (413, "too_many_rows")
    assert len(numbers(PATH, request({"records": [ROW] * 100}))) == 100
