import dataclasses

import pandas as pd
import pytest

from lifecycle.problem.problem import Column
from lifecycle.problem.purpose import Words
from lifecycle.problem.record_words import Raw
from lifecycle.splits import split_warnings
from tests.helpers_data import small_problem

LOANS = small_problem(words=Words(record="loan", positive="default", entity="company"))
PRICES = small_problem(Column("price", "number", ""), target="price", task="regression", words=Words(record="house"))
KINDS = small_problem(Column("kind", "text", ""), target="kind", task="multiclass", classes=("a", "b", "c"))


@pytest.mark.parametrize(
    ("problem", "target", "said"),
    [
        (LOANS, [1] * 29 + [0] * 50, "29 defaults"),
        (LOANS, [0] * 50, "0 defaults"),
        (LOANS, [1] * 30 + [0] * 2, ""),
        (PRICES, [1.5] * 29, "29 houses"),
        (PRICES, [1.5] * 30, ""),
        (KINDS, [0] * 29 + [1] * 30, "29 of class a, 0 of class c"),
        (KINDS, [0] * 30 + [1] * 30 + [2] * 30, ""),
    ],
)
def test_few_positives_records_of_a_class_or_records_are_said(problem, target, said):
    found = split_warnings.few_records(pd.DataFrame({problem.target: target}), "the test part", problem)
    assert found == ([f"the test part has {said}: with fewer than 30, a figure is mostly chance"] if said else [])


@pytest.mark.parametrize(("start", "warned"), [(6, True), (5, False), (0, False)])
def test_a_training_window_that_leaves_out_most_of_the_past_is_said(start, warned):
    times = pd.Series(pd.date_range("2024-01-01", periods=20))
    found = split_warnings.unused_rows(times, times[start], times[10], LOANS)
    assert bool(found) == warned
    if warned:
        assert "6 of 10 loans before 2024-01-11 00:00:00 are older than the training window" in found[0]


def test_rows_that_a_rule_leaves_out_are_counted():
    assert split_warnings.rows_left_out([0, 0], 10, LOANS) == []
    (said,) = split_warnings.rows_left_out([2, 1_000], 500, LOANS)
    assert "1,000 of 1,500 loans of the test window are left out: of their company a default was known" in said


def test_equal_rows_and_a_split_by_chance_beside_times_are_said():
    assert split_warnings.twins(0, LOANS) == []
    assert "3 loans of the training part are equal to one of the test part" in split_warnings.twins(3, LOANS)[0]
    assert "split.strategy = random" in split_warnings.out_of_time("random", LOANS)[0]
    assert split_warnings.out_of_time("random", dataclasses.replace(LOANS, time=None, features=(Raw("id"),))) == []
