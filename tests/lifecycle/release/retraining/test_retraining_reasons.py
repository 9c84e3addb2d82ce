"""A drift that labels confirm leads to training, a fault of the data never does, and age waits for labels."""

import pandas as pd
import pytest

from lifecycle.core.release_params import Retraining
from lifecycle.monitoring.watch import watch
from lifecycle.release.retraining.retraining_reasons import Decision, Situation, decide
from lifecycle.splits.time_windows import DAY
from tests.lifecycle.monitoring.helpers_findings import EVALUATE, MONITOR
from tests.lifecycle.monitoring.helpers_streams import START, altered, refused, stream, watched

RULE = Retraining(every_days=28, new_labels=1_000)
CONCEPT = altered("is_bad", lambda records: 1 - records["is_bad"])
CENTS = altered("amount", lambda records: records["amount"] * 100)


def alarms_of(given):
    """Return what the monitor says of a stream, with the actions of params.yaml."""
    found = watch(given, watched(delay_days=3.0), MONITOR, EVALUATE, given.first + given.days * DAY)
    return [alarm.as_json() for alarm in found.alarms]


def decided(alarms=(), days=1.0, labels=0, trained_until=START, faults=()):
    return decide(Situation(trained_until, trained_until + days * DAY, labels, alarms, faults), RULE)


def test_a_planted_concept_drift_leads_to_training_at_once():
    decision = decided(alarms_of(stream(CONCEPT)))
    assert decision.answer == "retrain"
    assert decision.reasons[0].startswith("an alarm of class concept of ")
    assert "the same features mean something else now" in decision.reasons[0]


@pytest.mark.parametrize(
    "given",
    [
        stream(CENTS),
        stream(altered("amount", float("nan"), share=0.5)),
        stream(altered("shop", "kiosk")),
        refused(stream(), "amount", 14, 0.5, schema=True),
    ],
    ids=["unit", "missing values", "unseen category", "schema"],
)
def test_a_planted_fault_of_the_data_never_does(given):
    decision = decided(alarms_of(given), days=100, labels=10_000_000)
    assert decision.answer == "fault"
    assert all(reason.endswith("mend the source, then train") for reason in decision.reasons)


def test_a_fault_goes_before_a_drift():
    drift, fault = alarms_of(stream(CONCEPT)), alarms_of(stream(CENTS))
    assert decided(drift + fault).answer == decided(fault + drift).answer == "fault"


def test_a_fault_of_the_new_records_themselves_is_one():
    assert decided(days=100, labels=10_000, faults=["7 of 9 new records break the contract"]) == Decision(
        "fault", ("7 of 9 new records break the contract; mend the source, then train",)
    )


def test_a_fault_that_is_over_does_not_forbid():
    over = alarms_of(stream(altered("amount", lambda records: records["amount"] * 100, day=10, until=13)))
    assert [alarm["open"] for alarm in over if alarm["class"] == "quality"] == [False]
    assert decided(over, days=28, labels=1_000).answer == "retrain"


def test_a_drift_that_the_version_has_learned_is_no_reason():
    alarms = alarms_of(stream(CONCEPT))
    after = pd.Timestamp(alarms[0]["raised"]) + DAY
    assert decided(alarms, trained_until=after).answer == "wait"
    assert decided(alarms, trained_until=after - DAY).answer == "retrain"


def test_a_calm_stream_is_no_reason():
    assert decided(alarms_of(stream())).answer == "wait"


@pytest.mark.parametrize(
    ("days", "labels", "answer"),
    [(28, 1_000, "retrain"), (27, 1_000, "wait"), (28, 999, "wait"), (1, 9_000_000, "wait"), (900, 0, "wait")],
)
def test_age_waits_for_labels_and_labels_for_age(days, labels, answer):
    assert decided(days=days, labels=labels).answer == answer


def test_all_that_is_waited_for_is_told():
    assert [reason.split(",")[0] for reason in decided(days=7, labels=5).reasons] == [
        "the training window would end 7 days later",
        "5 new labels are known since 2026-04-06",
    ]


@pytest.mark.parametrize("days", [0, -7])
def test_without_later_records_even_a_drift_waits(days):
    decision = decided(alarms_of(stream(CONCEPT)), days=days, labels=9_999)
    assert decision.answer == "wait"
    assert "no training window that ends after 2026-04-06" in decision.reasons[0]


def test_an_alarm_that_asks_for_something_else_is_no_reason():
    moved = alarms_of(stream(altered("age", lambda records: records["age"] * 0.7)))
    assert {alarm["action"] for alarm in moved} == {"ticket"}
    assert decided(moved).answer == "wait"
