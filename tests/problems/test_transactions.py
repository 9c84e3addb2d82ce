import dataclasses

import pandas as pd
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.features.batch import evaluate
from lifecycle.features.feature_contract import catalogue
from lifecycle.features.feature_declaration_checks import check_features
from lifecycle.problem.declaration_checks import check_label_delay
from lifecycle.problem.loading import fill
from lifecycle.problem.record_words import Raw
from lifecycle.problem.window_words import Window
from lifecycle.sources.files import to_contract
from problems.generators.card_simulator import COLUMNS, PUBLISHED
from problems.transactions import LABEL_DELAY_DAYS, PROBLEM
from tests.helpers_data import payments_table
from tests.helpers_model import filled_and_written, params, payments

WINDOWS = [feature for feature in PROBLEM.features if isinstance(feature, Window)]
LISTED = catalogue(PROBLEM.features, PROBLEM.columns, frozenset(PROBLEM.label_columns))


def test_contract_is_the_simulators_table_in_its_order():
    assert tuple(PROBLEM.columns) == COLUMNS
    assert not any(column.derived for column in PROBLEM.contract)


def test_where_a_customer_lives_is_audited_and_never_seen_by_the_model():
    assert "region" in PROBLEM.banded
    assert "region" in PROBLEM.sensitive
    with pytest.raises(PipelineError, match="feature 'region': 'region' is sensitive, so no feature may be made"):
        check_features(dataclasses.replace(PROBLEM, features=(*PROBLEM.features, Raw("region"))))


def test_a_table_of_the_published_shape_has_customers_of_unknown_regions():
    table = to_contract(payments_table()[list(PUBLISHED)], PROBLEM, "test").to_pandas()
    pd.testing.assert_frame_equal(table, payments_table().assign(region=0))
    assert check(table, PROBLEM, None).kept["region"].tolist() == [0] * 6


def test_simulated_table_keeps_the_contract():
    verdict = check(payments(), PROBLEM, None)
    assert (len(verdict.kept), verdict.failed, verdict.out_of_order) == (len(payments()), {}, 0)


def test_the_model_sees_six_features_in_the_order_of_the_catalogue():
    assert PROBLEM.feature_names == [
        "amount",
        "amount_ratio",
        "customer_since_large_10d",
        "terminal_since_genuine_30d",
        "terminal_fraud_run_30d",
        "terminal_fraud_run_age_30d",
    ]
    assert "customer_median_60d" in PROBLEM.hidden


def test_each_hidden_column_leads_to_a_feature_or_a_band():
    used = {name for feature in PROBLEM.features for name in feature.reads}
    used |= {band.column for band in (*PROBLEM.slices, *PROBLEM.groups)}
    assert set(PROBLEM.hidden) <= used


def test_windows_that_see_labels_wait_until_they_are_known():
    labelled = {window.name for window in WINDOWS if PROBLEM.target in window.sees}
    assert labelled == {"terminal_since_genuine", "terminal_fraud_run", "terminal_fraud_run_age"}
    assert {window.delay_days for window in WINDOWS if window.name in labelled} == {LABEL_DELAY_DAYS}
    waits = [entry.name for entry in LISTED if entry.latency == "labels"]
    assert waits == [name for window in WINDOWS if window.name in labelled for name in window.names]


def test_no_feature_is_made_of_how_the_fraud_was_planted():
    planted = {"fraud_scenario", "region"}
    assert not planted & {name for feature in PROBLEM.features for name in (*feature.reads, *feature.names)}


def test_the_first_payment_of_a_card_is_ordinary():
    first = evaluate(PROBLEM.features, payments().head(1), PROBLEM.time, PROBLEM.decimals).iloc[0]
    assert (first["amount_ratio"], first["customer_since_large_10d"]) == (1, 10)
    assert (first["terminal_since_genuine_30d"], first["terminal_fraud_run_30d"]) == (37, 0)


def test_a_payment_of_three_times_the_median_is_remembered_at_the_next_one():
    table = payments().head(4).assign(customer_id=1, amount=[10.0, 30.0, 30.0, 5.0], is_fraud=0)
    table["tx_time"] = pd.Timestamp("2018-04-01") + pd.to_timedelta([0, 1, 2, 4], "D")
    found = evaluate(PROBLEM.features, table, PROBLEM.time, PROBLEM.decimals)
    assert found["amount_ratio"].tolist() == [1.0, 3.0, 1.5, 5 / 30]
    assert found["customer_since_large_10d"].tolist() == [10, 10, 1, 3]


def test_ordinary_frauds_of_a_terminal_make_a_run_once_their_labels_are_known():
    table = payments().head(5).assign(terminal_id=1, customer_id=range(5), amount=[10.0, 10.0, 10.0, 200.01, 10.0])
    table = table.assign(is_fraud=[0, 1, 1, 1, 0])
    table["tx_time"] = pd.Timestamp("2018-04-01") + pd.to_timedelta([0, 1, 2, 3, 9], "D")
    found = evaluate(PROBLEM.features, table, PROBLEM.time, PROBLEM.decimals).iloc[-1]
    assert found[["terminal_fraud_run_30d", "terminal_fraud_run_age_30d"]].tolist() == [2, 8]
    assert found["terminal_since_genuine_30d"] == 9


def test_labels_are_known_when_the_split_says_so():
    split = fill(params(split__delay_days=None).split, PROBLEM, "split")
    assert check_label_delay(PROBLEM, split.delay_days) is None
    with pytest.raises(PipelineError, match="'terminal_since_genuine' sees labels 7 days old"):
        check_label_delay(PROBLEM, 7.5)


@pytest.mark.parametrize(
    ("block", "keys"),
    [
        ("split", ["train_days", "delay_days", "test_days", "test_start", "drop_known_entities"]),
        ("decide", ["cost_false_positive", "cost_false_negative"]),
        ("evaluate", ["rule_amount", "leak_alarm"]),
        ("package", ["name"]),
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
