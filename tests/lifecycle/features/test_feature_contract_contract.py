import json
from math import isnan, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.aggregates import AGGREGATES
from lifecycle.features.feature_contract import MOST_CATEGORIES, contract
from lifecycle.features.online.plan import Plan
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import COMPARISONS, Where, Window, declaration_of, features_of
from problems import creditcard, transactions
from tests.helpers_data import small_problem, small_table
from tests.helpers_model import quick
from tests.helpers_payments import EVERYTHING

names = st.sampled_from(["amount", "card", "NaN", "null", "word", "empty"])
numbers = st.sampled_from([0, 1, -1, 7.0, 0.1, -0.0, 1e-9, 2**53 - 1])
empties = numbers | st.just(nan) | st.just(float("nan"))
conditions = st.builds(Where, names, st.sampled_from(list(COMPARISONS)), numbers | st.sampled_from(["", "NaN", "é"]))
windows = st.builds(
    Window,
    names,
    st.sampled_from(list(AGGREGATES)),
    names,
    st.none() | names,
    days=st.lists(st.sampled_from([1, 7.0, 0.25, 30]), min_size=1).map(tuple),
    delay_days=st.sampled_from([0, 7, 2.5]),
    where=st.lists(conditions, max_size=2).map(tuple),
    current=st.booleans(),
    empty=st.none() | empties,
)
features = st.one_of(
    st.builds(Raw, names),
    st.builds(Weekend, names),
    st.builds(Hour, names),
    st.builds(Night, names, st.integers(0, 23)),
    st.builds(Ratio, names, names, names, empties),
    st.builds(Difference, names, names, names),
    windows,
)


def there_and_back(listed):
    return features_of(json.loads(json.dumps([declaration_of(feature) for feature in listed], allow_nan=False)))


def column_of(values, **changes):
    column = Column(**({"name": "x", "type": "number", "description": ""} | changes))
    problem = small_problem(column, features=(Hour(), Raw("x")))
    return contract(problem, small_table(len(values), x=values).assign(hour=0.0))["columns"][1]


@given(st.lists(features, max_size=4))
@quick
def test_a_list_comes_back_as_it_was_declared(listed):
    # By repr: NaN is not equal to itself, 1 is equal to 1.0, and the digest of the online state tells them apart.
    assert repr(there_and_back(listed)) == repr(tuple(listed))


@pytest.mark.parametrize("listed", [EVERYTHING, transactions.PROBLEM.features, creditcard.PROBLEM.features])
def test_a_list_that_came_back_has_the_same_online_state(listed):
    assert there_and_back(listed) == listed
    decimals = transactions.PROBLEM.decimals
    assert Plan(there_and_back(listed), decimals).digest == Plan(listed, decimals).digest


@pytest.mark.parametrize("aggregate", ["since", "sum", "rate", "mean"])
def test_nothing_as_a_number_of_its_own_is_kept_apart_from_the_aggregates_own(aggregate):
    own, missing = (Window("w", aggregate, "card", "amount", empty=value) for value in (None, nan))
    assert there_and_back([own])[0].empty is None
    assert isnan(there_and_back([missing])[0].empty)


numeric = st.lists(st.sampled_from([-2.5, 0.0, 1.0, 3.0, 1e9, nan]), min_size=1, max_size=30)


@given(numeric)
@quick
def test_quantiles_are_values_that_were_seen(values):
    column = column_of(values)
    known = np.sort([value for value in values if not isnan(value)])
    assert column["null_share"] == pytest.approx(1 - len(known) / len(values))
    if not len(known):
        assert column["quantiles"] == {}
        return
    assert list(column["quantiles"]) == ["0", "0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "1"]
    for share, value in column["quantiles"].items():
        assert value == np.quantile(known, float(share), method="lower")


@given(st.lists(st.sampled_from(["bakery", "garage", "", "é", None]), min_size=1, max_size=30))
@quick
def test_text_is_told_by_the_share_of_each_value(values):
    column = column_of(pd.Series(values, dtype="str"), type="text")
    known = [value for value in values if value is not None]
    assert column["null_share"] == pytest.approx(1 - len(known) / len(values))
    assert column["categories"] == pytest.approx({value: known.count(value) / len(known) for value in set(known)})
    assert list(column["categories"].values()) == sorted(column["categories"].values(), reverse=True)


def test_of_very_many_texts_the_most_frequent_stay_and_of_equals_the_first():
    values = [f"s{number:03}" for number in range(200, 0, -1)] + ["s150"]
    categories = column_of(pd.Series(values, dtype="str"), type="text")["categories"]
    assert list(categories) == ["s150", *(f"s{number:03}" for number in range(1, MOST_CATEGORIES))]


def test_a_window_without_records_can_be_written():
    column = column_of(np.array([], np.float64))
    assert (column["null_share"], column["quantiles"]) == (0.0, {})


@pytest.mark.parametrize(
    ("problem", "labels", "decimals"),
    [
        (transactions.PROBLEM, ["fraud_scenario", "is_fraud"], {"amount": 2, "customer_id": 0}),
        (creditcard.PROBLEM, ["Class"], {"Amount": 2, "record_id": 0}),
    ],
)
def test_the_contract_holds_what_a_service_needs(problem, labels, decimals):
    train = pd.DataFrame({name: np.arange(4.0) for name in (*problem.columns, *names_of(problem))})
    content = json.loads(json.dumps(contract(problem, train), allow_nan=False))
    assert features_of(content["declaration"]) == problem.features
    assert [column["name"] for column in content["columns"]] == names_of(problem)
    assert [column["name"] for column in content["columns"] if column["name"] not in content["hidden"]] == list(
        problem.feature_names
    )
    assert (content["rows"], content["key"], content["time"]) == (4, problem.key, problem.time)
    assert content["labels"] == labels
    assert content["types"] == {column.name: column.type for column in problem.contract}
    assert content["decimals"].items() >= decimals.items()
    for column in content["columns"]:
        assert set(column) == {"name", "type", "unit", "entity", "latency", "definition", "null_share", "quantiles"}
        assert column["quantiles"]["1"] == 3.0


def names_of(problem):
    return [name for feature in problem.features for name in feature.names]
