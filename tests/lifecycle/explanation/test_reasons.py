from math import nan

import pytest

from lifecycle.explanation.reasons import reasons, sentence
from lifecycle.features.aggregates import AGGREGATES
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window

WEB, LARGE, GENUINE = Where("channel", "==", "web"), Where("amount_ratio", ">=", 3.0), Where("is_fraud", "==", 0)
LABELLED = {"by": "shop_id", "days": (30,), "delay_days": 7}
FEATURES = (
    Raw("amount"),
    Raw("country"),
    Weekend(),
    Night(),
    Hour(),
    Window("median", "median", of="amount", by="card_id", days=(1, 60)),
    Ratio("times", "amount", "median_60d", empty=1.0),
    Difference("more", "amount", "median_60d"),
    Ratio("twice", "times", "more"),
    Window("count", "count", by="card_id", days=(7,), where=(WEB,)),
    Window("rate", "rate", of="is_fraud", **LABELLED),
    Window("since_large", "since", by="card_id", days=(10,), where=(LARGE,)),
    Window("since_genuine", "since", where=(GENUINE,), **LABELLED),
    Window("run", "run_length", of="is_fraud", **LABELLED),
    Window("run_age", "run_days", of="is_fraud", where=(Where("amount", "<=", 200.0), LARGE), **LABELLED),
)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amount", 12345.67, "amount is 12345.67"),
        ("country", "BE", "country is BE"),
        ("country", None, "country is missing"),
        ("is_weekend", 1, "it is a Saturday or a Sunday"),
        ("is_weekend", 0, "it is neither Saturday nor Sunday"),
        ("is_night", 1, "it is between 0:00 and 6:59"),
        ("is_night", 0, "it is not between 0:00 and 6:59"),
        ("hour", 13.51, "the time is 13:30"),
        ("median_60d", 52.123, "this card's median amount in the last 60 days is 52.1"),
        ("median_1d", nan, "this card has no median amount in the last day"),
        ("times", 5.11, "amount is 5.1 times this card's median amount in the last 60 days"),
        ("times", 0.034, "amount is 0.034 times this card's median amount in the last 60 days"),
        ("times", nan, "amount has nothing to be compared with: this card's median amount in the last 60 days is 0 or"),
        ("more", -3.26, "amount is 3.3 below this card's median amount in the last 60 days"),
        ("more", 340.4, "amount is 340 above this card's median amount in the last 60 days"),
        ("more", nan, "amount has nothing to be compared with: this card's median amount in the last 60 days is miss"),
        ("twice", 2.0, "times is 2 times more"),
        ("count_7d", 0, "no record of this card with channel web in the last 7 days"),
        ("count_7d", 1, "1 record of this card with channel web in the last 7 days"),
        ("count_7d", 5, "5 records of this card with channel web in the last 7 days"),
        ("rate_30d", 0.355, "fraud in 35.5 % of this shop's records in the 30 days up to 7 days ago"),
        ("since_large_10d", 10.0, "no record of this card with amount ratio at least 3 in the last 10 days"),
        ("since_large_10d", 0.0, "0 days since this card's last record with amount ratio at least 3"),
        ("since_genuine_30d", 9.21, "9.2 days since this shop's last record with no fraud"),
        ("since_genuine_30d", 37.0, "no record of this shop with no fraud in the 30 days up to 7 days ago"),
        ("run_30d", 12, "fraud in each of this shop's last 12 records, up to 7 days ago"),
        ("run_30d", 0, "no fraud in this shop's last record, up to 7 days ago"),
        (
            "run_age_30d",
            23.76,
            "fraud in each of this shop's last records with amount at most 200 and amount ratio at least 3 since 23.8",
        ),
        ("run_age_30d", 0.0, "no fraud in this shop's last record with amount at most 200 and amount ratio at least 3"),
    ],
)
def test_a_value_is_told_as_a_person_would(name, value, said):
    assert sentence(FEATURES, name, {name: value}).startswith(said)


@pytest.mark.parametrize("median", [0.0, nan, None])
def test_a_ratio_that_stands_for_nothing_is_told_as_such(median):
    told = sentence(FEATURES, "times", {"times": 1.0, "median_60d": median})
    assert told.startswith("amount has nothing to be compared with")


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_every_aggregate_has_words(aggregate):
    of = None if AGGREGATES[aggregate].needs == "none" else "is_fraud"
    window = Window("made", aggregate, by="card_id", of=of, days=(7,))
    features = (window, Ratio("share", "amount", "made_7d"))
    for name, value in (("made_7d", 0), ("made_7d", 1), ("made_7d", 2.5), ("made_7d", nan), ("share", 2.5)):
        told = sentence(features, name, {name: value})
        assert "this card" in told
        assert "{" not in told


def test_reasons_are_what_raised_the_score_most_in_words():
    added = {"times": 0.2, "amount": -0.5, "run_30d": 0.3, "count_7d": 0.0, "is_night": 0.1}
    row = {"times": 5.11, "amount": 80.0, "run_30d": 12, "count_7d": 2, "is_night": 1, "median_60d": 15.0}
    first, second = reasons(FEATURES, added, row, k=2)
    assert (first.feature, first.contribution) == ("run_30d", 0.3)
    assert first.words == "fraud in each of this shop's last 12 records, up to 7 days ago"
    assert second.words == "amount is 5.1 times this card's median amount in the last 60 days"
    assert [reason.feature for reason in reasons(FEATURES, added, row, k=9)] == ["run_30d", "times", "is_night"]


def test_equal_contributions_stand_in_the_order_of_their_names():
    row = {"amount": 80.0, "is_night": 1, "is_weekend": 1}
    for names in (list(row), list(row)[::-1]):
        found = reasons(FEATURES, dict.fromkeys(names, 0.25), row, k=2)
        assert [reason.feature for reason in found] == ["amount", "is_night"]
