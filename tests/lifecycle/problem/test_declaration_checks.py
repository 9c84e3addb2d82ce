from math import inf, nan

import numpy as np
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.problem.declaration_checks import check_words
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window, known_words
from tests.helpers_data import small_problem

NO_NUMBERS = [True, "1", None, inf, np.float64(1), np.int64(1), [1]]  # JSON or arrays would make something else of them


def window(**changes):
    return Window(**({"name": "w", "aggregate": "sum", "by": "card", "of": "amount"} | changes))


def where(*condition):
    return window(where=(Where(*condition),))


def refused(feature):
    with pytest.raises(PipelineError) as refusal:
        check_words((Hour(), feature))
    message = str(refusal.value)
    assert message.startswith(f"feature {feature.name!r}: ")
    return message.split(": ", 1)[1]


@pytest.mark.parametrize(
    "feature",
    [
        Night(last_hour=0),
        Night(last_hour=23),
        Ratio("r", "a", "b", empty=nan),
        Ratio("r", "a", "b", empty=0),
        Difference("d", "a", "b"),
        window(days=(1e-9, 0.5, 7, 36_525), delay_days=0.25),
        window(empty=nan),
        window(empty=-1),
        window(aggregate="since", of=None, current=False),
        window(aggregate="since", of=None, delay_days=7),
        where("amount", ">=", 1 - 2**53),
        where("amount", "!=", ""),
    ],
)
def test_what_is_unusual_but_right_is_accepted(feature):
    assert check_words((feature,)) is None
    assert check_words([feature]) is None


@pytest.mark.parametrize("features", [Raw("amount"), "amount", None, {Hour()}])
def test_a_list_without_its_comma_is_told(features):
    with pytest.raises(PipelineError, match=r"features must be a tuple, like \(Hour\(\),\), not "):
        check_words(features)


@pytest.mark.parametrize("feature", ["amount", None, Weekend, Where("amount", ">=", 1)])
def test_what_is_no_feature_is_refused_with_those_there_are(feature):
    with pytest.raises(PipelineError, match=f"unknown feature word; known: {', '.join(known_words())}"):
        check_words((Hour(), feature))


@pytest.mark.parametrize("name", [None, "", 3, ("a",), ["a"]])
@pytest.mark.parametrize(
    "make",
    [
        Raw,
        Hour,
        lambda name: window(name=name),
        lambda name: window(by=name),
        lambda name: window(aggregate="max", of=name or ""),
        lambda name: Ratio("r", name, "b"),
        lambda name: Difference("d", "a", name),
        lambda name: where(name, ">=", 1),
    ],
)
def test_a_name_is_text(make, name):
    assert "must be a name in quotes, not " in refused(make(name))


@pytest.mark.parametrize("last_hour", [-1, 24, 6.0, True, None, "6"])
def test_the_end_of_the_night_is_a_whole_hour_of_the_day(last_hour):
    assert refused(Night("n", last_hour)) == f"last_hour = {last_hour!r} must be a whole number from 0 to 23"


@pytest.mark.parametrize(
    "days", [(), 7, [1, 7], "17", (1, 0), (-1,), (nan,), *((value,) for value in NO_NUMBERS), np.array([1.0, 7.0])]
)
def test_window_lengths_are_positive_numbers_in_a_tuple(days):
    assert refused(window(days=days)).startswith("days must be positive, like (1, 7), not ")


@pytest.mark.parametrize("delay", [-1, nan, *NO_NUMBERS])
def test_a_delay_is_a_number_from_zero(delay):
    assert refused(window(delay_days=delay)) == f"delay_days must not be negative, and a number, not {delay!r}"


@pytest.mark.parametrize("days", [1e-12, 36_526, 1e300])
@pytest.mark.parametrize("field", ["days", "delay_days"])
def test_what_rounds_to_no_delay_at_all_or_does_not_fit_64_bits_is_refused(field, days):
    # A delay of less than a microsecond would show a record its own label.
    message = refused(window(**{field: (1, days) if field == "days" else days}))
    assert message == f"days and delay_days of {days!r}: at least a microsecond, at most 36525"


@pytest.mark.parametrize("current", [0, 1, 2, None, "no"])
def test_whether_the_record_is_covered_is_yes_or_no(current):
    # 2 would be taken for the record and the one after it.
    assert refused(window(current=current)) == f"current = {current!r} must be True or False"


@pytest.mark.parametrize("empty", [value for value in NO_NUMBERS if value is not None])
def test_the_value_for_nothing_is_a_number(empty):
    assert refused(window(empty=empty)).startswith(f"empty = {empty!r} must be a number, NaN, or None")
    assert refused(Ratio("r", "a", "b", empty)).startswith(f"empty = {empty!r} must be a number")


def test_a_ratio_by_nothing_needs_a_value():
    assert refused(Ratio("r", "a", "b", None)) == "empty = None must be a number, or NaN"


@pytest.mark.parametrize(
    "conditions", [Where("a", ">=", 1), [Where("a", ">=", 1)], ("a", ">=", 1), (("a", ">=", 1),), None, "a >= 1"]
)
def test_conditions_come_in_a_tuple(conditions):
    assert refused(window(where=conditions)).endswith("must be a tuple of conditions, like (Where('amount', '>=', 9),)")


@pytest.mark.parametrize("is_", ["=", ">", "is", None, ["=="]])
def test_an_unknown_comparison_is_refused_with_those_there_are(is_):
    assert refused(where("amount", is_, 1)) == f"unknown comparison {is_!r}; known: ==, !=, <=, >="


@pytest.mark.parametrize("value", [nan, -inf, 2**53, -float(2**53), 10**400, (1,), *NO_NUMBERS[:1], *NO_NUMBERS[2:]])
def test_a_limit_that_arrays_compare_in_another_way_is_refused(value):
    # An array of whole numbers finds 2**53 + 1 <= float(2**53), Python does not.
    assert refused(where("amount", "<=", value)).startswith(f"{value!r} can't be compared with 'amount'")


@pytest.mark.parametrize("features", [(), (Hour(),), (Hour(), Weekend())])
def test_a_model_without_features_is_refused(features):
    hidden = tuple(feature.name for feature in features)
    with pytest.raises(PipelineError, match="there is no feature that the model sees: declare one that is not hidden"):
        small_problem(features=features, hidden=hidden)


@pytest.mark.parametrize("decimals", [-1, 16, 2.0, True, "2"])
def test_sums_are_exact_with_few_decimals_only(decimals):
    with pytest.raises(PipelineError, match=f"column 'euro': decimals = {decimals!r} must be 0 to 15, of a number"):
        small_problem(Column("euro", "number", "", decimals=decimals))


@pytest.mark.parametrize("kind", ["text", "timestamp"])
def test_what_is_no_number_has_no_decimals(kind):
    with pytest.raises(PipelineError, match="decimals = 2 must be 0 to 15, of a number"):
        small_problem(Column("euro", kind, "", decimals=2))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_time_may_be_a_number_of_any_of_four_units(unit):
    small_problem(Column("seen", "timestamp", "", unit=unit))


@pytest.mark.parametrize(
    ("kind", "unit"), [("timestamp", "minutes"), ("timestamp", 5), ("integer", "s"), ("text", "ms")]
)
def test_a_unit_is_one_of_five_and_of_a_time(kind, unit):
    with pytest.raises(
        PipelineError, match=f"column 'seen': unit = {unit!r} must be one of 'd', 's', 'ms', 'us', 'ns'"
    ):
        small_problem(Column("seen", kind, "", unit=unit))
