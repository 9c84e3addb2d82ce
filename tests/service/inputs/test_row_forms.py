import json
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.value_limits import FLOAT32
from service.inputs.row_forms import from_columns, from_records, from_vectors
from service.protocols.json_body import parsed
from service.refusal import Refusal
from tests.service.helpers_protocols import FEATURES, TRANSACTION, VECTOR, Model, request

MODEL = Model()
MIXED = Model(("number", "shop", "gaps"), texts=("shop",), missing=("shop", "gaps"))
fits = st.floats(-FLOAT32, FLOAT32, allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**127), 2**127)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*FEATURES, "id", "at", "x"]), inner),
    max_leaves=12,
)


def refused(rows, model=MODEL, read=from_vectors):
    with pytest.raises(Refusal) as found:
        read(model, rows)
    return found.value.status, found.value.kind, found.value.field


@given(st.lists(st.lists(fits | whole, min_size=3, max_size=3), min_size=1, max_size=5))
def test_numbers_that_fit_arrive_as_they_are(rows):
    numbers, texts = from_vectors(MODEL, rows)
    assert texts is None
    assert numbers.tolist() == [[float(value) for value in row] for row in rows]
    assert numbers.dtype == np.float64
    named = [dict(reversed(list(zip(FEATURES, row, strict=True)))) for row in rows]
    assert np.array_equal(from_records(MODEL, named).batch.numbers, numbers)


@given(
    st.lists(json_values, min_size=1, max_size=4) | st.lists(st.lists(json_values, min_size=3, max_size=3), min_size=1)
)
def test_any_rows_are_taken_or_refused(rows):
    for model in (MODEL, MIXED):
        for read in (from_vectors, from_records):
            try:
                read(model, rows)
            except Refusal as refusal:
                assert refusal.status == 422
                assert str(refusal)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "wrong_type"),
        ("1", "wrong_type"),
        ([1.0], "wrong_type"),
        ({}, "wrong_type"),
        (None, "missing_value"),
        (math.nan, "missing_value"),
        (math.inf, "out_of_range"),
        (-math.inf, "out_of_range"),
        (1e39, "out_of_range"),
        (-(10**39), "out_of_range"),
        (10**400, "out_of_range"),
        (np.nextafter(FLOAT32, math.inf).item(), "out_of_range"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_value_that_the_model_can_not_take_is_named(value, kind, place):
    row = [*VECTOR[:place], value, *VECTOR[place + 1 :]]
    assert refused([VECTOR, row]) == (422, kind, FEATURES[place])
    named = [dict(zip(FEATURES, each, strict=True)) for each in (VECTOR, row)]
    assert refused(named, read=from_records) == (422, kind, FEATURES[place])
    with pytest.raises(Refusal, match=r"^row 1"):
        from_vectors(MODEL, [VECTOR, row])


@pytest.mark.parametrize("value", [FLOAT32, -FLOAT32, -0.0, 5e-324, 2**53 + 1, 0])
def test_the_last_value_that_fits(value):
    assert from_vectors(MODEL, [[value] * 3]).numbers.tolist() == [[float(value)] * 3]


def test_no_message_tells_a_value():
    for value in (123454321.5, "123454321", 123454321 * 10**60):
        for read, row in ((from_vectors, [value]), (from_records, TRANSACTION | {"amount": value, "id": value})):
            with pytest.raises(Refusal) as found:
                read(MODEL, [row])
            assert "12345" not in str(found.value)


@pytest.mark.parametrize("rows", [[VECTOR[:2]], [[*VECTOR, 1.0]], [VECTOR, []], [[[1.0, 2.0, 3.0]]], [["1,2,3"]]])
def test_rows_of_another_width_are_refused(rows):
    assert refused(rows) == (422, "wrong_width", None)


@pytest.mark.parametrize("rows", [[None], [5], ["1,2,3"], [VECTOR, {}]])
def test_what_is_no_list_is_no_vector(rows):
    assert refused(rows) == (422, "wrong_type", None)


def test_only_what_training_rows_lacked_may_be_missing():
    numbers, texts = from_vectors(MIXED, [[1.0, None, None], [2, "bakery", 3]])
    assert np.array_equal(numbers, [[1.0, np.nan], [2.0, 3.0]], equal_nan=True)
    assert texts.tolist() == [[None], ["bakery"]]
    assert refused([[None, "bakery", 1.0]], MIXED) == (422, "missing_value", "number")
    named = from_records(MIXED, [{"gaps": None, "shop": None, "number": 1}])
    assert np.array_equal(named.batch.numbers, [[1.0, np.nan]], equal_nan=True)
    assert refused([{"shop": "bakery", "number": 1}], MIXED, from_records) == (422, "missing_name", "gaps")


@pytest.mark.parametrize(("shop", "kind"), [(3, "wrong_type"), ("a\0", "out_of_range"), ("\uffff", "out_of_range")])
def test_text_is_text(shop, kind):
    assert refused([[1.0, shop, 1.0]], MIXED) == (422, kind, "shop")


def test_names_must_be_those_of_the_features():
    row = dict(zip(FEATURES, VECTOR, strict=True))
    assert refused([row | {"agee": 1}], read=from_records) == (422, "unknown_name", "agee")
    assert refused([{"amount": 1.0}], read=from_records) == (422, "missing_name", "ratio")
    assert refused([row, VECTOR], read=from_records) == (422, "wrong_type", None)


def test_a_record_with_key_or_time_is_a_transaction_and_kinds_are_not_mixed():
    inputs = from_records(MODEL, [TRANSACTION])
    assert inputs.batch is None
    assert inputs.records[0]["amount"] == 12.5
    row = dict(zip(FEATURES, VECTOR, strict=True))
    assert refused([TRANSACTION, row], read=from_records) == (422, "mixed_rows", None)
    assert refused([TRANSACTION | row], read=from_records) == (422, "unknown_name", "ratio")
    keyed = Model(("id", "amount"))  # a feature may be the key itself
    assert from_records(keyed, [{"id": 4, "amount": 2}]).batch.numbers.tolist() == [[4.0, 2.0]]


def test_columns_of_arrays_are_checked_like_rows():
    columns = {"age": np.array([3.0]), "ratio": np.array([0.25]), "amount": np.array([12.5])}
    assert from_columns(MODEL, columns).numbers.tolist() == [VECTOR]
    with pytest.raises(Refusal, match="'ratio' is not between"):
        from_columns(MODEL, columns | {"ratio": np.array([np.inf])})


def test_one_vector_is_cheap():
    """The bound is five times what it takes: it is for a slip such as a check of each value in Python."""
    vector = np.random.default_rng(1).random(30).tolist()
    model, asked = Model([f"v{i}" for i in range(30)]), request(body=json.dumps({"features": vector}).encode())
    rounds = []
    for _ in range(7):
        start = time.process_time()
        for _ in range(2000):
            from_vectors(model, [parsed(asked.body)["features"]])
        rounds.append((time.process_time() - start) / 2000)
    assert min(rounds) < 25e-6
