import numpy as np
import pytest

from lifecycle.features.aggregates import AGGREGATES
from lifecycle.features.batch import evaluate
from lifecycle.features.feature_contract import catalogue
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window
from problems import creditcard, transactions
from tests.helpers_data import creditcard_table, small_problem, small_table
from tests.helpers_model import payments
from tests.helpers_payments import EVERYTHING

LABELS = frozenset({"is_fraud"})
CONTRACT = {
    "customer_id": Column("customer_id", "integer", "the card"),
    "terminal_id": Column("terminal_id", "integer", "where it was used"),
    "amount": Column("amount", "number", "euro", decimals=2),
    "is_fraud": Column("is_fraud", "integer", "the label", isin=(0, 1)),
}
FRAUD = (Where("is_fraud", "==", 1),)
SPENT = Window("spent", "sum", "customer_id", "amount", days=(7,))
BUSY = Window("busy", "count", "terminal_id", days=(1,))
FRAUDS = Window("frauds", "count", "terminal_id", days=(1,), delay_days=7, where=FRAUD)


def described(*features):
    return {entry.name: entry for entry in catalogue(features, CONTRACT, LABELS)}


def test_what_must_be_at_hand_is_the_most_that_any_part_needs():
    chain = (
        Hour(),
        SPENT,
        FRAUDS,
        Ratio("own", "amount", "hour"),
        Ratio("share", "amount", "spent_7d"),
        Difference("both", "frauds_1d", "share"),
        Window("deep", "max", "customer_id", "share", days=(1,)),
    )
    latency = {entry.name: entry.latency for entry in described(*chain).values()}
    assert latency == {
        "hour": "record",
        "own": "record",
        "spent_7d": "history",
        "share": "history",
        "deep_1d": "history",
        "frauds_1d": "labels",
        "both": "labels",
    }


def test_a_feature_belongs_to_the_entities_that_it_is_made_from():
    listed = described(
        Raw("amount"),
        SPENT,
        BUSY,
        Ratio("r", "amount", "busy_1d"),
        Difference("d", "spent_7d", "r"),
        Difference("e", "d", "busy_1d"),
        Window("deep", "max", "terminal_id", "d", days=(1,)),
    )
    assert [listed[name].entity for name in ("amount", "spent_7d", "r", "d", "e", "deep_1d")] == [
        "",
        "customer_id",
        "terminal_id",
        "customer_id, terminal_id",
        "customer_id, terminal_id",
        "terminal_id",
    ]


def test_units_follow_the_column_unless_the_aggregate_has_its_own():
    units = {name: window_unit(name) for name in AGGREGATES}
    own = {"count": "records", "rate": "share", "distinct": "values", "since": "days"}
    assert units == dict.fromkeys(AGGREGATES, "euro") | own | {"run_length": "records", "run_days": "days"}
    listed = described(
        BUSY,
        Raw("amount"),
        Hour(),
        Night(),
        Weekend(),
        Ratio("r", "amount", "hour"),
        Difference("d", "hour", "busy_1d"),
        Difference("e", "amount", "hour"),
        Window("m", "max", "customer_id", "busy_1d", days=(1,)),
    )
    assert {name: entry.unit for name, entry in listed.items()} == {
        "busy_1d": "records",
        "amount": "euro",
        "hour": "hours",
        "is_night": "0 or 1",
        "is_weekend": "0 or 1",
        "r": "times",
        "d": "hours",
        "e": "euro",
        "m_1d": "records",
    }


def window_unit(aggregate):
    of = {"none": None, "flag": "is_fraud"}.get(AGGREGATES[aggregate].needs, "amount")
    return described(Window("w", aggregate, "customer_id", of, days=(7,)))["w_7d"].unit


@pytest.mark.parametrize(
    ("features", "problem", "table"),
    [
        (EVERYTHING, transactions.PROBLEM, payments().head(50)),
        (creditcard.PROBLEM.features, creditcard.PROBLEM, creditcard.prepare(creditcard_table())),
    ],
)
def test_types_are_those_of_the_table(features, problem, table):
    found = evaluate(features, table, problem.time, problem.decimals)
    listed = catalogue(features, problem.columns, frozenset(problem.label_columns))
    assert {entry.name: entry.type for entry in listed} == {name: str(kind) for name, kind in found.dtypes.items()}


def test_types_of_raw_columns_are_those_they_are_stored_in():
    columns = (
        Column("small", "integer", "", isin=(0, 1)),
        Column("large", "integer", ""),
        Column("gaps", "integer", "", nullable=True),
        Column("shop", "text", ""),
    )
    problem = small_problem(*columns, features=tuple(Raw(column.name) for column in columns))
    table = small_table(2, small=[0, 1], large=[1, 2**40], gaps=[np.nan, 2], shop=["a", "b"])
    stored = table.astype({column.name: column.storage_type for column in columns})
    found = evaluate(problem.features, stored, "time", {})
    listed = catalogue(problem.features, problem.columns, LABELS)
    assert (
        [entry.type for entry in listed] == [str(kind) for kind in found.dtypes] == ["int8", "int64", "float64", "str"]
    )
