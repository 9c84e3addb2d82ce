from math import nan

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.features.aggregates import AGGREGATES
from lifecycle.problem.declaration_checks import check_label_delay
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window
from tests.helpers_data import small_problem

COLUMNS = (
    Column("card", "integer", ""),
    Column("shop", "text", "", isin=("bakery", "garage")),
    Column("amount", "number", "", decimals=2),
    Column("speed", "number", ""),
    Column("items", "integer", ""),
    Column("flag", "integer", "", isin=(0, 1)),
    Column("gap", "number", "", nullable=True, decimals=0),
    Column("note", "text", "", nullable=True),
    Column("due", "timestamp", ""),
    Column("outcome", "integer", "", isin=(0, 1), late=True),
    Column("age", "integer", ""),
)
MEAN = Window("mean", "mean", "card", "amount", days=(7,))  # missing where nothing is covered
SURE = Window("sure", "mean", "card", "amount", days=(7,), empty=0)
FRAUDS = Window("frauds", "count", "card", days=(7,), delay_days=2, where=(Where("label", "==", 1),))
BEFORE = (
    Hour(),
    Weekend("weekend"),
    MEAN,
    FRAUDS,
    Ratio("ratio", "gap", "amount", empty=0),
    Difference("over", "ratio", "amount"),
    Ratio("share", "frauds_7d", "speed", empty=0),
)


def problem(*features, **changes):
    return small_problem(*COLUMNS, features=features, sensitive=("age",), **changes)


def window(aggregate="max", of="amount", **changes):
    return Window(**({"name": "w", "aggregate": aggregate, "by": "card", "of": of, "days": (1,)} | changes))


def refused(*features):
    with pytest.raises(PipelineError) as refusal:
        problem(*features)
    message = str(refusal.value)
    assert message.startswith(f"feature {features[-1].name!r}: ")
    return message.split(": ", 1)[1]


def where(column, is_, value, **changes):
    return window("count", None, where=(Where(column, is_, value),), **changes)


@pytest.mark.parametrize(
    "features",
    [
        (Raw("amount"), Raw("shop"), Raw("gap"), Raw("note"), Weekend(), Night(), Hour()),
        (Ratio("a", "amount", "gap"), Difference("b", "a", "items"), window(of="flag")),
        (window("distinct", "shop", by="shop"), window("sum", "items", name="v"), window("rate", "flag", name="u")),
        (MEAN, Ratio("r", "amount", "mean_7d", empty=1), where("r", ">=", 2), window(of="r", name="v")),
        (MEAN, where("mean_7d", "!=", 0.5)),
        (SURE, Difference("d", "amount", "sure_7d"), window("median", "d", empty=0), window("min", "w_1d", name="v")),
        (window("run_length", "label", delay_days=2), where("outcome", "==", 0, delay_days=2, name="v"), FRAUDS),
        (where("shop", "==", "bakery"), where("shop", "<=", "b", name="v"), where("items", ">=", 2.5, name="u")),
        (FRAUDS, Ratio("r", "frauds_7d", "amount"), Difference("d", "r", "frauds_7d")),
    ],
)
def test_what_is_right_is_accepted(features):
    assert problem(*features).features == features


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (Raw("nothing"), "no column 'nothing' in the contract, and no feature of that name before it"),
        (window(by="nothing"), "no column 'nothing'"),
        (window(of="nothing"), "no column 'nothing'"),
        (where("nothing", ">=", 1), "no column 'nothing'"),
        (Ratio("r", "amount", "later"), "no column 'later'"),
        (Difference("r", "r", "amount"), "no column 'r'"),
        (Raw("age"), "'age' is sensitive, so no feature may be made from it"),
        (Ratio("r", "amount", "age"), "'age' is sensitive"),
        (window(by="age"), "'age' is sensitive"),
        (where("age", ">=", 18), "'age' is sensitive"),
        (Hour("speed"), "'speed' would be written over the column of that name; rename it"),
        *(
            (make(name), f"{name!r}: the target, late columns, the key and the time are no features")
            for name in ("id", "time", "label", "outcome")
            for make in (Raw, lambda name: Ratio("r", "amount", name), lambda name: Difference("r", name, "amount"))
        ),
        (Raw("due"), "'due' is a timestamp: take its hour, or a window"),
        (Ratio("r", "shop", "amount"), "'shop' is text, a number is needed"),
        (Difference("r", "amount", "note"), "'note' is text, a number is needed"),
    ],
)
def test_a_feature_of_the_record_is_made_of_what_it_may_see(feature, said):
    with pytest.raises(PipelineError) as refusal:
        problem(Hour(), feature, Weekend("later"))
    assert str(refusal.value).startswith(f"feature {feature.name!r}: {said}")


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (window(by="speed"), "records are gathered by a column of whole numbers or text, not by 'speed'"),
        (window(by="time"), "records are gathered by"),
        (window(by="hour"), "records are gathered by"),
        (window(by="note"), "column 'note' may be missing (nullable)"),
        (window(by="label", delay_days=2), "records can't be gathered by 'label', which is known only after the fact"),
        (window(of="frauds_7d", delay_days=2), "a window can't see 'frauds_7d' of other records, which is itself made"),
        (where("frauds_7d", ">=", 1, delay_days=2), "a window can't see 'frauds_7d' of other records"),
        (window(of="share", delay_days=2), "a window can't see 'share' of other records"),
        (window(of="due"), "'due' is a timestamp; a window knows the time of each record"),
        (window("distinct", "time"), "'time' is a timestamp"),
        (window("median", "shop"), "'shop' is no number"),
        (window("sum", "shop"), "'shop' is no number"),
        (window("sum", "speed"), "give column 'speed' `decimals` in the contract"),
        (window("std", "hour"), "'hour' is a feature; exact sums need a column of the contract"),
        (window("sum", "gap"), "'gap' may be missing; a window needs every value"),
        (window("distinct", "note"), "'note' may be missing"),
        (window("max", "mean_7d"), "'mean_7d' may be missing"),
        (window("max", "ratio"), "'ratio' may be missing"),
        (window("max", "over"), "'over' may be missing"),
        (window("rate", "items"), "'items' must be a column with isin=(0, 1)"),
        (window("run_days", "shop"), "'shop' must be a column with isin=(0, 1)"),
        (window("run_length", "weekend"), "'weekend' must be a column with isin=(0, 1)"),
        (where("gap", ">=", 1), "column 'gap' may be missing (nullable); a condition needs every value"),
        (where("shop", "==", 1), "1 can't be compared with column 'shop'"),
        (where("items", "==", "1"), "'1' can't be compared with column 'items'"),
        (where("hour", ">=", "6"), "'6' can't be compared with column 'hour'"),
        (where("due", ">=", 1), "1 can't be compared with column 'due'"),
        (where("items", "==", 0.5), "no value of column 'items' is 0.5; it would never, or always, be met"),
        (where("flag", "!=", 2), "no value of column 'flag' is 2"),
        (where("shop", "==", "airport"), "no value of column 'shop' is 'airport'"),
    ],
)
def test_a_window_covers_what_was_known_and_aggregates_what_it_can(feature, said):
    assert refused(*BEFORE, feature).startswith(said)


@pytest.mark.parametrize("of", ["label", "outcome"])
@pytest.mark.parametrize(
    "feature", [lambda of: window(of=of, delay_days=2), lambda of: where(of, "==", 1, delay_days=2)]
)
def test_a_split_that_waits_longer_than_the_feature_is_refused(feature, of):
    declared = problem(Hour(), feature(of), window(name="v"))
    for delay in (None, 0, 1.5, 2):
        assert check_label_delay(declared, delay) is None
    with pytest.raises(PipelineError, match=r"feature 'w' sees labels 2 days old, but split\.delay_days = 2\.5: raise"):
        check_label_delay(declared, 2.5)


@pytest.mark.parametrize("aggregate", ["mode", "", None, ["sum"], "Sum"])
def test_an_unknown_aggregate_is_refused_with_those_there_are(aggregate):
    assert (
        refused(window(aggregate=aggregate))
        == f"unknown aggregate {aggregate!r}; known: {', '.join(sorted(AGGREGATES))}"
    )


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_an_aggregate_has_a_column_if_and_only_if_it_takes_one(aggregate):
    of = "amount" if AGGREGATES[aggregate].needs == "none" else None
    assert refused(window(aggregate=aggregate, of=of)).endswith("but these, which take none: count; since")


def test_days_since_the_record_itself_are_refused():
    assert refused(window(aggregate="since", of=None)) == "`since` would find the record itself; set current=False"


@pytest.mark.parametrize("aggregate", ["count", "distinct", "run_length"])
@pytest.mark.parametrize("empty", [0, 1, nan])
def test_a_value_for_nothing_is_refused_where_it_would_be_passed_over(aggregate, empty):
    feature = window(aggregate=aggregate, of=None if aggregate == "count" else "flag", empty=empty)
    assert refused(feature) == f"`{aggregate}` is 0 where a window covers nothing; leave `empty` out"
