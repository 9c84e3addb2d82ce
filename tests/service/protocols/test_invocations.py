import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.value_limits import FLOAT32
from service.protocols.invocations import preferred
from service.refusal import Refusal
from tests.service.helpers_protocols import FEATURES, TRANSACTION, VECTOR, Model, ask, numbers, refusal, request, route

PATH = "/invocations"
MIXED = Model(("number", "shop", "gaps"), texts=("shop",), missing=("gaps",))
tables = st.lists(st.lists(st.floats(-FLOAT32, FLOAT32), min_size=3, max_size=3), min_size=1, max_size=6)


def table(rows, names=(), **options):
    text = io.StringIO()
    csv.writer(text, **options).writerows([names, *rows] if names else rows)
    return request(body=text.getvalue().encode(), content_type="text/csv")


@given(tables)
def test_every_json_form_decodes_to_the_same_floats(rows):
    named = [dict(zip(FEATURES, row, strict=True)) for row in rows]
    backwards = {"columns": FEATURES[::-1], "data": [row[::-1] for row in rows]}
    for content in (
        {"dataframe_split": {"columns": FEATURES, "index": list(range(len(rows))), "data": rows}},
        {"dataframe_split": backwards, "params": {}},
        {"dataframe_split": {"data": rows}},
        {"dataframe_records": named, "params": None},
        {"instances": rows},
        {"inputs": dict(zip(FEATURES, map(list, zip(*rows, strict=True)), strict=True))},
        rows,
        named,
    ):
        assert numbers(PATH, request(content)) == rows


@given(tables, st.sampled_from(["\r\n", "\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_csv_decodes_to_the_same_floats_with_and_without_a_header(rows, end, quoting):
    assert numbers(PATH, table(rows, lineterminator=end, quoting=quoting)) == rows
    backwards = [row[::-1] for row in rows]
    assert numbers(PATH, table(backwards, FEATURES[::-1], lineterminator=end, quoting=quoting)) == rows


@given(st.text() | st.lists(st.lists(st.text())).map(lambda rows: table(rows).body.decode("utf-8", "surrogatepass")))
def test_any_text_is_taken_or_refused(text):
    for model in (Model(), MIXED):
        try:
            route(PATH).decode(model, request(body=text.encode("utf-8", "surrogatepass"), content_type="text/csv"))
        except Refusal as refused:
            assert refused.status in {400, 413, 422}


def test_an_empty_cell_is_missing_as_it_was_in_training():
    gaps = Model(MIXED.features, texts=MIXED.texts, missing=("gaps", "shop"))
    batch = route(PATH).decode(gaps, table([["1", "", ""], ["2", "a,b", "3"], ["3", " ", "4"]])).batch
    assert np.array_equal(batch.numbers, [[1.0, np.nan], [2.0, 3.0], [3.0, 4.0]], equal_nan=True)
    assert batch.texts.tolist() == [[None], ["a,b"], [" "]]
    assert refusal(PATH, table([["", "a", "1"]]), MIXED).kind == "missing_value"
    assert refusal(PATH, table([["1", "", "1"]]), MIXED).kind == "missing_value"


def test_a_mark_of_the_byte_order_and_empty_lines_at_the_end_have_no_say():
    """Spreadsheets write the one, editors the others."""
    asked = table([VECTOR], FEATURES)
    assert numbers(PATH, asked._replace(body=b"\xef\xbb\xbf" + asked.body + b"\r\n\n")) == [VECTOR]


def test_a_header_of_columns_makes_transactions():
    (record,) = route(PATH).decode(Model(), table([TRANSACTION.values()], TRANSACTION)).records
    assert record["id"] == 7
    assert record["amount"] == 12.5


@pytest.mark.parametrize(
    "cell", ["nan", "inf", "1_000", "0x1", "1,5", "one", "True", "\u0661", "1e", "--1", ".", "9" * 100_000 + "x"]
)
def test_only_plain_numbers_are_numbers(cell):
    found = refusal(PATH, table([VECTOR, [1, cell, 2]]))
    assert (found.status, found.kind, found.field) == (422, "wrong_type", "ratio")
    assert "row 1" in str(found)


@pytest.mark.parametrize("cell", ["1e39", "1e999", "9" * 400, "9" * 5000, "-1e39"])
def test_large_numbers_are_out_of_range(cell):
    assert refusal(PATH, table([[1, cell, 2]])).kind == "out_of_range"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 422, "no_rows"),
        (b"amount,ratio,age\n", 422, "no_rows"),
        (b"1,2\n", 422, "wrong_width"),
        (b"1,2,3\n\n4,5,6\n", 422, "wrong_width"),
        (b"amount,ratio,age\n1,2\n", 422, "wrong_width"),
        (b"amount,ratio,ratio\n1,2,3\n", 422, "duplicate_name"),
        (b"amount,ratio,agee\n1,2,3\n", 422, "wrong_type"),
        (b"amount,ratio,card\n1,2,3\n", 422, "unknown_name"),
        (b'1,2,"3\n', 400, "malformed_csv"),
        (b'1,2,"3"4\n', 400, "malformed_csv"),
        (b"1,2,\xff\n", 400, "malformed_csv"),
        (b"1,2,3\n" * 101, 413, "too_many_rows"),
    ],
)
def test_other_csv_is_refused(body, status, kind):
    found = refusal(PATH, request(body=body, content_type="text/csv; charset=utf-8"))
    assert (found.status, found.kind) == (status, kind)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"dataframe_split": [VECTOR]}, "wrong_type"),
        ({"dataframe_split": {"columns": FEATURES}}, "missing_name"),
        ({"dataframe_split": {"columns": FEATURES, "data": [VECTOR], "dtypes": []}}, "unknown_name"),
        ({"dataframe_split": {"columns": FEATURES, "data": [VECTOR[:2]]}}, "wrong_width"),
        ({"dataframe_split": {"columns": FEATURES, "data": [dict(zip(FEATURES, VECTOR, strict=True))]}}, "wrong_type"),
        ({"dataframe_split": {"columns": ["age"] * 3, "data": [VECTOR]}}, "duplicate_name"),
        ({"dataframe_split": {"columns": [1, 2, 3], "data": [VECTOR]}}, "wrong_type"),
        ({"dataframe_split": {"columns": FEATURES, "data": VECTOR}}, "wrong_type"),
        ({"dataframe_split": {"columns": [], "data": [[]]}}, "missing_name"),
        ({"dataframe_split": {"columns": FEATURES, "data": []}}, "no_rows"),
        ({"instances": [VECTOR], "inputs": [VECTOR]}, "ambiguous"),
        ({"instances": [VECTOR], "params": {"k": 1}}, "unknown_name"),
        ({"features": VECTOR}, "unknown_name"),
        ({}, "missing_name"),
        ([], "no_rows"),
        ("1,2,3", "wrong_type"),
    ],
)
def test_other_json_is_refused(content, kind):
    found = refusal(PATH, request(content))
    assert (found.status, found.kind) == (422, kind)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (b"", False),
        (b"*/*", False),
        (b"text/csv", True),
        (b"TEXT/CSV; charset=utf-8", True),
        (b"text/csv, application/json", True),
        (b"application/json, text/csv", False),
        (b"application/json;q=0.5, text/csv", True),
        (b"text/csv;q=0.1, application/json", False),
        (b"text/csv;q=0", False),
        (b"text/csv;q=x", False),
        (b"text/csv;q=nan", False),
        (b"text/html, text/csv, */*;q=0.1", True),
    ],
)
def test_the_answer_is_csv_where_that_is_preferred(accept, wanted):
    assert (preferred(accept) == b"text/csv") is wanted


def test_answers_in_json_and_csv_are_the_same():
    asked = request([VECTOR, [-9, 0, 0]])
    rows = json.loads(ask(PATH, asked).body)["predictions"]
    reply = ask(PATH, asked._replace(headers={b"accept": b"text/csv"}))
    assert reply.content_type == b"text/csv"  # clients of SageMaker compare it as a whole
    lines = [line.split(",") for line in reply.body.decode().splitlines()]
    found = [{"prediction": int(a), "probability": float(b), "score": float(c)} for a, b, c in lines]
    assert found == rows


def test_no_more_lines_are_read_than_may_come():
    found = refusal(PATH, request(body=b"\n" * 4_000_000 + b'"', content_type="text/csv"))
    assert found.status == 413
    assert len(numbers(PATH, table([VECTOR] * 100, FEATURES))) == 100


def lines(*rows):
    return request(
        body=b"\n".join(json.dumps(row).encode() for row in rows) + b"\n", content_type="application/jsonlines"
    )


def test_json_lines_are_rows_and_are_answered_in_lines():
    """What SageMaker's batch transform splits and joins."""
    named = dict(zip(FEATURES, VECTOR, strict=True))
    for rows in ([VECTOR, [-9, 0, 0]], [{"features": VECTOR}, {"features": [-9, 0, 0]}], [named, named]):
        assert len(numbers(PATH, lines(*rows))) == 2
    asked = lines(VECTOR, [-9, 0, 0])
    reply = ask(PATH, asked._replace(headers=asked.headers | {b"accept": b"application/jsonlines"}))
    assert reply.content_type == b"application/jsonlines"
    expected = json.loads(ask(PATH, request([VECTOR, [-9, 0, 0]])).body)["predictions"]
    assert [json.loads(line) for line in reply.body.splitlines()] == expected


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 422, "no_rows"),
        (b"\n\n", 422, "no_rows"),
        (b"[1,2,3]\n\n[4,5,6]", 400, "malformed_json"),
        (b"[1,2,3]\n[4,5]", 422, "wrong_width"),
        (b"[1,2,3]\n" * 101, 413, "too_many_rows"),
        (b'{"features": 3}', 422, "wrong_type"),
    ],
)
def test_other_json_lines_are_refused(body, status, kind):
    found = refusal(PATH, request(body=body, content_type="application/jsonlines"))
    assert (found.status, found.kind) == (status, kind)
