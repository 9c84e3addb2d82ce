import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inputs.raw_records import label, transaction
from service.refusal import Refusal
from tests.service.helpers_protocols import TRANSACTION, Model

MODEL = Model()
AT = 1_769_862_600_000_000


def refused(record, read=transaction):
    with pytest.raises(Refusal) as found:
        read(MODEL, record, 3)
    assert "row 3" in str(found.value)
    return found.value.status, found.value.kind, found.value.field


def test_what_comes_out_is_typed_and_has_the_defaults():
    found = transaction(MODEL, TRANSACTION | {"amount": 12, "card": 3.0}, 0)
    assert found == {"id": 7, "at": AT, "card": 3, "amount": 12.0, "region": 0}
    assert [type(found[name]) for name in ("id", "card", "amount")] == [int, int, float]


def test_labels_and_what_may_be_missing_may_be_absent_or_null():
    found = transaction(MODEL, TRANSACTION | {"fraud": None, "shop": None, "region": 2}, 0)
    assert found["shop"] is None
    assert found["region"] == 2
    assert "fraud" not in found
    assert transaction(MODEL, TRANSACTION | {"fraud": 1, "shop": "bakery"}, 0)["fraud"] == 1


@pytest.mark.parametrize("name", ["id", "at", "card", "amount"])
def test_the_other_columns_must_be_there(name):
    assert refused({key: value for key, value in TRANSACTION.items() if key != name}) == (422, "missing_name", name)
    assert refused(TRANSACTION | {name: None}) == (422, "out_of_contract", name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", -1),
        ("id", 2**63),
        ("id", 10**400),
        ("id", 1.5),
        ("id", True),
        ("id", "7"),
        ("id", float("inf")),
        ("at", 1_769_862_600_000_000),
        ("at", "1999-12-31T23:59:59Z"),
        ("at", "2026-01-31T25:00:00Z"),
        ("at", "yesterday"),
        ("amount", -0.01),
        ("amount", 1_000_000.01),
        ("amount", 0.125),
        ("amount", 456_006.15038194315),
        ("amount", 999_999.995),
        ("amount", "12.5"),
        ("amount", 10**400),
        ("amount", [12.5]),
        ("shop", 3),
        ("shop", "\0"),
        ("region", 3),
        ("region", None),
        ("fraud", 2),
        ("fraud", False),
    ],
)
def test_a_value_against_the_contract_is_named(name, value):
    assert refused(TRANSACTION | {name: value}) == (422, "out_of_contract", name)


@pytest.mark.parametrize("amount", [0, 1_000_000, 0.01, 0.29, 1e-2, 0.1 + 0.2, 999_999.99, 700_000.1 + 0.2])
def test_decimals_are_counted_as_people_write_them(amount):
    assert transaction(MODEL, TRANSACTION | {"amount": amount}, 0)["amount"] == amount


def test_unknown_columns_are_refused():
    assert refused(TRANSACTION | {"amuont": 1}) == (422, "unknown_name", "amuont")
    assert refused(TRANSACTION | {"x" * 500: 1}) == (422, "unknown_name", "x" * 60)
    assert refused([TRANSACTION]) == (422, "wrong_type", None)


def test_a_label_is_the_key_and_what_has_become_known():
    assert label(MODEL, {"id": 7, "fraud": 1}, 3) == {"id": 7, "fraud": 1}
    assert refused({"id": 7}, label) == (422, "missing_name", None)
    assert refused({"fraud": 1}, label) == (422, "missing_name", "id")
    assert refused({"id": 7, "fraud": None}, label) == (422, "out_of_contract", "fraud")
    assert refused({"id": 7, "fraud": 1, "amount": 3}, label) == (422, "unknown_name", "amount")
    assert refused({"id": 7, "fraud": 1, "x": 3}, label) == (422, "unknown_name", "x")


@given(
    st.dictionaries(
        st.sampled_from([*TRANSACTION, "shop", "fraud"]), st.integers() | st.floats() | st.text() | st.none()
    )
)
def test_any_record_is_taken_or_refused(record):
    for read in (transaction, label):
        try:
            assert read(MODEL, record, 3)
        except Refusal as refusal:
            assert refusal.status == 422
