"""Records whose columns the problem's `prepare` makes, as `tests.helpers_task_bundles.creditcard_bundle` has them."""

import json
import sys
from typing import Any

import numpy as np
import pytest

from lifecycle import bundle
from lifecycle.bundle import source_preparation
from service.inputs.derived_values import is_prepared_here, with_derived
from service.inputs.raw_records import transaction
from service.inputs.row_forms import from_list
from service.online_store.history import Stateless
from service.refusal import Refusal
from service.settings import Settings
from tests.helpers_data import creditcard_table
from tests.helpers_task_bundles import creditcard_bundle
from tests.service.helpers_protocols import described

RECORDS = creditcard_table(5).drop(columns="Class").to_dict("records")


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return creditcard_bundle(tmp_path_factory.mktemp("cards") / "bundle")


def refused(servable: Any, records: list[Any]) -> Refusal:
    with pytest.raises(Refusal) as found:
        from_list(servable, records, 100, "'records'")
    assert found.value.status == 422
    return found.value


def scored(servable, records):
    inputs = from_list(servable, records, 100, "'records'")
    return servable.score(Stateless("none").features(inputs.records, servable).batch).score


def test_a_record_of_the_source_is_scored_as_one_with_the_made_columns(cards):
    made = [record | {"tx_time": f"2013-09-01T00:0{row}:00"} for row, record in enumerate(RECORDS)]
    assert [record["tx_time"] for record in with_derived(cards, RECORDS)] == [f"{r['tx_time']}" for r in made]
    for record in made:
        del record["Time"]  # no feature is made from it
    np.testing.assert_array_equal(scored(cards, RECORDS), scored(cards, made))


def test_records_with_made_columns_are_left_as_they_are(cards):
    records = [RECORDS[0] | {"tx_time": "2013-09-01"}]
    assert with_derived(cards, records) is records


def test_what_is_wrong_with_a_record_is_told_before_it_is_prepared(cards):
    assert refused(cards, [RECORDS[0] | {"V3": "much"}]).field == "V3"
    assert refused(cards, [{name: value for name, value in RECORDS[0].items() if name != "V3"}]).field == "V3"
    assert refused(cards, [RECORDS[0], 3]).kind == "mixed_rows"


def test_a_prepare_that_fails_is_told_with_its_line(cards):
    record = {name: value for name, value in RECORDS[0].items() if name != "Time"}
    found = refused(cards, [record])
    assert (found.kind, found.field) == ("not_prepared", "tx_time")
    assert "src/problems/creditcard.py, line" in str(found)
    assert "send 'tx_time' instead" in str(found)


def test_without_pandas_the_columns_to_send_are_named(cards, monkeypatch):
    monkeypatch.delattr(bundle, "source_preparation")
    for name in ("lifecycle.bundle.source_preparation", "lifecycle.sources.derived_columns"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = str(refused(cards, RECORDS))
    assert message == "this service can't run the `prepare` of creditcard: it has no pandas; send 'tx_time' instead"
    assert not is_prepared_here(cards)
    assert transaction(cards, {**RECORDS[0], "tx_time": "2013-09-01"}, 0)["Amount"] == 0.5


def test_another_prepare_than_the_bundle_s_is_not_run(cards, tmp_path, monkeypatch):
    other = creditcard_bundle(tmp_path / "other", known=b"another")
    assert "is not the file that the bundle was made with" in str(refused(other, RECORDS))
    monkeypatch.setattr(source_preparation, "PROBLEMS", tmp_path)
    assert "src/problems/creditcard.py is not here" in str(refused(cards, RECORDS))


def test_the_document_says_whether_they_must_be_sent(cards, tmp_path):
    other = creditcard_bundle(tmp_path / "other", known=b"another")
    required = [
        json.loads(described(each, Settings()))["components"]["schemas"]["Transaction"]["required"]
        for each in (cards, other)
    ]
    assert set(required[1]) - set(required[0]) == {"tx_time"}
    assert "Time" not in required[1]
    assert "record_id" not in required[1]
