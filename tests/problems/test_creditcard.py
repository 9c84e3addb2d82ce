import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.problem.loading import fill
from lifecycle.problem.record_words import Raw
from problems.creditcard import COMPONENTS, FIRST_DAY, PROBLEM, prepare
from tests.helpers_data import CREDITCARD_COLUMNS, creditcard_table, with_cell
from tests.helpers_model import filled_and_written, params, quick


def test_source_columns_are_those_of_the_file_and_the_rest_is_made():
    assert [name for name, column in PROBLEM.columns.items() if not column.derived] == list(CREDITCARD_COLUMNS)
    assert set(prepare(creditcard_table())) == set(PROBLEM.columns)


def test_rows_are_numbered_from_zero_in_the_order_of_the_file():
    table = creditcard_table(5).iloc[::-1]
    assert prepare(table)["record_id"].tolist() == [0, 1, 2, 3, 4]
    assert prepare(table)["Amount"].tolist() == [4.5, 3.5, 2.5, 1.5, 0.5]


@quick
@given(st.lists(st.integers(0, 172_792), min_size=1, max_size=5))  # two days, as in the file
def test_time_counts_from_midnight_of_the_first_day(seconds):
    times = prepare(creditcard_table(len(seconds)).assign(Time=[float(s) for s in seconds]))["tx_time"]
    assert times.tolist() == [pd.Timestamp(FIRST_DAY) + pd.Timedelta(seconds=s) for s in seconds]


@pytest.mark.parametrize("junk", [None, "", "noon", np.inf, -np.inf, "inf", 1e300, -1e17])
def test_time_that_is_none_is_left_to_the_gate_and_its_neighbours_stay(junk):
    prepared = prepare(with_cell(creditcard_table(3), 1, "Time", junk))
    assert prepared["tx_time"].isna().tolist() == [False, True, False]
    assert prepared["tx_time"].iloc[2] == pd.Timestamp("2013-09-01 00:02:00")


def test_source_table_is_not_changed():
    table = creditcard_table()
    prepare(table)
    assert tuple(table.columns) == CREDITCARD_COLUMNS


def test_model_sees_every_component_but_neither_label_nor_time_of_the_recording():
    assert {f.name for f in PROBLEM.features if isinstance(f, Raw)} == {*COMPONENTS, "Amount"}
    assert not {"Class", "Time", "tx_time", "record_id"} & set(PROBLEM.feature_names)


@pytest.mark.parametrize(
    ("block", "keys"),
    [
        ("split", ["train_days", "delay_days", "test_days"]),
        ("decide", ["cost_false_positive", "cost_false_negative"]),
        ("evaluate", ["rule_amount", "leak_alarm"]),
    ],
)
def test_every_null_of_the_params_has_a_legal_value_here(block, keys):
    filled, written = filled_and_written(PROBLEM, block, keys)
    assert filled == written


def test_windows_fit_into_the_two_days_of_the_file():
    split = fill(params(split__train_days=None, split__delay_days=None, split__test_days=None).split, PROBLEM, "split")
    assert split.train_days + 2 * split.delay_days + (split.folds + 1) * split.test_days <= 2
