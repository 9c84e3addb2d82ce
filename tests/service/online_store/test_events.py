import time
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.features.online.record_schema import Event, Label
from lifecycle.problem.window_words import Window
from service.online_store import events
from service.online_store.events import list_of
from service.refusal import Refusal
from tests.service.helpers_home import label, listed, payment


@pytest.fixture(scope="module")
def servable(tmp_path_factory):
    return listed(tmp_path_factory.mktemp("events") / "bundle")


def read(servable, found, max_ahead=86_400.0):
    latest = round((time.time() + max_ahead) * 1e6)
    return events.read_events(servable, list_of(servable).schema, found, latest)


def refusal(servable, found, **options):
    with pytest.raises(Refusal) as caught:
        read(servable, found, **options)
    return caught.value


def test_transactions_and_labels_are_told_apart(servable):
    first, second = read(servable, [payment(3), label(3)])
    assert isinstance(first, Event)
    assert first.key == 3
    assert first.values == {"amount": 3.25, "customer_id": 0, "is_fraud": 0, "terminal_id": 1}
    assert second == Label(3, {"is_fraud": 1})


def test_labels_that_no_window_reads_are_taken_and_change_nothing(servable):
    assert read(servable, [{"label": {"transaction_id": 3, "fraud_scenario": 2}}]) == [Label(3, {})]


@pytest.mark.parametrize(
    ("event", "kind", "field"),
    [
        (5, "wrong_type", None),
        (payment(1, amount="1.5"), "out_of_contract", "amount"),
        (payment(1, region=9), "out_of_contract", "region"),
        (payment(1, colour="red"), "unknown_name", "colour"),
        ({"label": 5}, "wrong_type", None),
        ({"label": {"transaction_id": 1}}, "missing_name", None),
        ({"label": {"is_fraud": 1}}, "missing_name", "transaction_id"),
        ({"label": {"transaction_id": 1, "is_fraud": 2}}, "out_of_contract", "is_fraud"),
        ({"label": {"transaction_id": 1, "amount": 2.0}}, "unknown_name", "amount"),
        ({"label": {"transaction_id": 1, "is_fraud": 1}, "amount": 2.0}, "unknown_name", "label"),
    ],
)
def test_a_faulty_event_is_refused_with_its_row(servable, event, kind, field):
    found = refusal(servable, [payment(0), event])
    assert (found.status, found.kind, found.field) == (422, kind, field)
    assert "row 1" in found.message


def test_an_amount_that_sums_can_not_hold_exactly_is_refused_without_its_value(servable, monkeypatch):
    monkeypatch.setitem(list_of(servable).schema.largest, "amount", 5)
    found = refusal(servable, [payment(9)])
    assert (found.kind, found.field) == ("wrong_type", "amount")
    assert "9.25" not in found.message


def at(seconds):
    return (datetime.fromtimestamp(time.time() + seconds, UTC)).isoformat()


def test_a_payment_from_the_far_future_is_refused_and_one_from_the_past_is_not(servable):
    assert len(read(servable, [payment(0, tx_time=at(86_000)), payment(0, tx_time="2001-01-01T00:00:00Z")])) == 2
    found = refusal(servable, [payment(0), payment(1, tx_time=at(86_400 * 2.5))])
    assert (found.status, found.kind, found.field) == (422, "too_far_ahead", "tx_time")
    assert "row 1: 'tx_time' is 2.50 days after the clock" in found.message


def test_how_far_is_a_knob(servable):
    soon = payment(0, tx_time=at(20))
    assert refusal(servable, [soon], max_ahead=10.0).kind == "too_far_ahead"
    assert read(servable, [soon], max_ahead=30.0)


def test_a_zone_counts(servable):
    hour = timedelta(hours=30)
    ahead = (datetime.now(UTC) + hour).replace(tzinfo=None).isoformat() + "+10:00"  # twenty hours from now
    assert read(servable, [payment(0, tx_time=ahead)])


def test_a_label_that_sums_can_not_hold_is_refused_with_its_row(tmp_path):
    """The contract may allow more than a window can add up exactly."""
    servable = listed(
        tmp_path / "bundle", [Window("loss", "sum", by="terminal_id", of="loss", days=(7,), delay_days=7)]
    )
    servable.schema["columns"].append({"name": "loss", "type": "number", "nullable": True})
    servable.schema["labels"].append("loss")
    found = refusal(servable, [payment(0), {"label": {"transaction_id": 1, "loss": 1e30}}])
    assert (found.status, found.kind, found.field) == (422, "wrong_type", "loss")
    assert "row 1" in found.message
    assert "1e+30" not in found.message
