import pytest

from lifecycle.features.aggregates import AGGREGATES
from lifecycle.features.feature_contract import catalogue
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window
from problems.transactions import PROBLEM
from tests.helpers_payments import EVERYTHING

FRAUD = (Where("is_fraud", "==", 1),)
SPENT = Window("spent", "sum", "customer_id", "amount", days=(7,))


def described(*features):
    return {entry.name: entry for entry in catalogue(features, PROBLEM.columns, frozenset(PROBLEM.label_columns))}


def window(aggregate, **changes):
    of = {"none": None, "flag": "is_fraud"}.get(AGGREGATES[aggregate].needs, "amount")
    feature = Window("w", aggregate, **({"by": "customer_id", "of": of, "days": (7,)} | changes))
    return described(feature)["w_7d"].definition


@pytest.mark.parametrize(
    ("feature", "definition"),
    [
        (Raw("amount"), "as it stands"),
        (Weekend(), "1 on a Saturday or Sunday"),
        (Night(last_hour=5), "1 from 0:00 to 5:59"),
        (Hour(), "hour of the day"),
        (Ratio("r", "amount", "spent_7d", empty=1.5), "amount / spent_7d; 1.5 where spent_7d is 0 or missing"),
        (Ratio("r", "amount", "spent_7d"), "amount / spent_7d; nan where spent_7d is 0 or missing"),
        (Difference("d", "amount", "spent_7d"), "amount - spent_7d"),
    ],
)
def test_a_feature_of_the_record_is_told_in_words(feature, definition):
    assert described(SPENT, feature)[feature.name].definition == definition


@pytest.mark.parametrize(
    ("aggregate", "definition"),
    [
        ("count", "number of records of this customer_id, over 7 days"),
        ("sum", "sum of amount of this customer_id, over 7 days; 0 where there is none"),
        ("mean", "mean of amount of this customer_id, over 7 days; nan where there is none"),
        ("std", "standard deviation of amount of this customer_id, over 7 days; nan where there are fewer than two"),
        ("min", "smallest amount of this customer_id, over 7 days; nan where there is none"),
        ("max", "largest amount of this customer_id, over 7 days; nan where there is none"),
        ("median", "median of amount of this customer_id, over 7 days; nan where there is none"),
        ("rate", "share of records with is_fraud of this customer_id, over 7 days; 0 where there is none"),
        ("distinct", "number of different amount of this customer_id, over 7 days"),
        ("since", "days since the newest record of this customer_id, over 7 days; 7 where there is none"),
        ("run_length", "number of newest records in a row with is_fraud of this customer_id, over 7 days"),
        (
            "run_days",
            "days since the first of the newest records in a row with is_fraud of this customer_id, over 7 days;"
            " 0 where there is none",
        ),
    ],
)
def test_a_window_is_told_in_words(aggregate, definition):
    assert window(aggregate) == definition


def test_there_are_words_for_all_that_can_be_declared():
    assert {feature.aggregate for feature in EVERYTHING if isinstance(feature, Window)} == set(AGGREGATES)
    assert set(EVERYTHING) >= {Raw("amount"), Weekend(), Night(), Hour()}
    assert len(catalogue(EVERYTHING, PROBLEM.columns, frozenset())) == sum(len(f.names) for f in EVERYTHING)


def test_what_a_window_leaves_out_is_told():
    assert window("count", current=False) == "number of records of this customer_id, over 7 days, without this one"
    assert window("max", delay_days=2.5, where=FRAUD, empty=-1, current=False) == (
        "largest amount of this customer_id, 2.5 days old or older where is_fraud is 1, over 7 days;"
        " -1 where there is none"
    )
    limits = tuple(Where("amount", is_, 9.5) for is_ in ("!=", "<=", ">="))
    told = "amount is not 9.5 and amount is at most 9.5 and amount is at least 9.5"
    assert window("count", where=limits) == f"number of records of this customer_id where {told}, over 7 days"


def test_each_length_of_a_window_is_a_column_of_its_own():
    listed = described(Window("w", "since", "customer_id", days=(0.5, 7), current=False))
    assert [entry.definition.split(", over ")[1] for entry in listed.values()] == [
        "0.5 days, without this one; 0.5 where there is none",
        "7 days, without this one; 7 where there is none",
    ]
