import pandas as pd
import pytest

from lifecycle.data.contract import check
from lifecycle.data.simulator import COLUMNS
from lifecycle.declaration import check_label_delay
from lifecycle.features.vocabulary import Window
from lifecycle.problem import fill
from lifecycle.stage import PipelineError
from problems.transactions import LABEL_DELAY_DAYS, PROBLEM
from tests.helpers_data import payments_table
from tests.helpers_model import filled_and_written, params, payments

WINDOWS = [feature for feature in PROBLEM.features if isinstance(feature, Window)]


def test_contract_is_the_simulators_table_in_its_order():
    assert tuple(PROBLEM.columns) == COLUMNS
    assert not any(column.derived for column in PROBLEM.contract)


def test_simulated_table_keeps_the_contract():
    verdict = check(payments(), PROBLEM, None)
    assert (len(verdict.kept), verdict.failed, verdict.out_of_order) == (len(payments()), {}, 0)


def test_features_are_the_fifteen_of_the_book():
    windows = ("customer_tx_count", "customer_amount_mean", "terminal_tx_count", "terminal_fraud_rate")
    expected = {"amount", "is_weekend", "is_night"} | {f"{name}_{days}d" for name in windows for days in (1, 7, 30)}
    assert set(PROBLEM.feature_names) == expected
    assert len(PROBLEM.feature_names) == 15


def test_terminals_are_seen_as_they_were_when_labels_were_known():
    assert {window.delay_days for window in WINDOWS if window.by == "terminal_id"} == {LABEL_DELAY_DAYS}
    assert [window.name for window in WINDOWS if window.of == PROBLEM.target] == ["terminal_fraud_rate"]


def test_no_feature_is_made_of_how_the_fraud_was_planted():
    assert "fraud_scenario" not in {window.of for window in WINDOWS} | {window.by for window in WINDOWS}
    assert "fraud_scenario" not in PROBLEM.feature_names


def test_labels_are_known_when_the_split_says_so():
    split = fill(params(split__delay_days=None).split, PROBLEM, "split")
    assert check_label_delay(PROBLEM, split.delay_days) is None
    with pytest.raises(PipelineError, match="'terminal_fraud_rate' sees labels 7 days old"):
        check_label_delay(PROBLEM, 7.5)


@pytest.mark.parametrize(
    ("block", "keys"),
    [
        ("split", ["train_days", "delay_days", "test_days", "test_start"]),
        ("decide", ["cost_false_positive", "cost_false_negative"]),
        ("evaluate", ["rule_amount", "leak_alarm"]),
    ],
)
def test_every_null_of_the_params_has_a_legal_value_here(block, keys):
    filled, written = filled_and_written(PROBLEM, block, keys)
    assert filled == written


@pytest.mark.parametrize(("amount", "kept"), [(0, True), (-0.01, False), (1_000_000, True), (1_000_000.01, False)])
def test_amounts_from_nothing_to_a_million_are_legal(amount, kept):
    verdict = check(payments_table(2).assign(amount=[1.0, amount]), PROBLEM, None)
    assert len(verdict.kept) == 1 + kept


def test_first_legal_moment_is_the_year_2000():
    table = payments_table(2).assign(tx_time=pd.to_datetime(["1999-12-31 23:59:59", "2000-01-01 00:00:00"]))
    assert check(table, PROBLEM, None).kept["transaction_id"].tolist() == [1]
