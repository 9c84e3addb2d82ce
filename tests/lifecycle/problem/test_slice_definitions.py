import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.problem.slice_definitions import MISSING, MOST_VALUES, OTHERS, Band, assign
from tests.helpers_model import quick


def groups(band, values):
    return assign(band, pd.DataFrame({band.column: values}))


def test_a_value_on_an_edge_belongs_to_the_group_below():
    found = groups(Band("amount", "a", edges=(25, 100)), [0.0, 25.0, 25.01, 100.0, 1e9])
    assert found.tolist() == ["up to 25", "up to 25", "25 to 100", "25 to 100", "above 100"]


def test_groups_stand_from_the_lowest_to_the_highest_and_gaps_last():
    found = groups(Band("a", "a", edges=(1, 2), labels=("few", "some", "many")), [9.0, np.nan, 0.5])
    assert list(found.cat.categories) == ["few", "many", MISSING]
    assert found.tolist() == ["many", MISSING, "few"]


def test_each_value_is_a_group_in_the_order_of_the_values():
    assert list(groups(Band("v", "v"), [10, 9, 10]).cat.categories) == ["9", "10"]
    assert groups(Band("v", "v"), ["b", None, "a"]).tolist() == ["b", MISSING, "a"]


def test_rare_values_share_a_group():
    values = [*range(MOST_VALUES), *range(MOST_VALUES), 98, 99]
    found = groups(Band("v", "v"), values)
    assert found.tolist()[-2:] == [OTHERS, OTHERS]
    assert found.nunique() == MOST_VALUES + 1


@quick
@given(st.lists(st.integers(-5, 5), min_size=1), st.integers(2, 6))
def test_quantile_groups_are_in_the_order_of_the_values_and_keep_ties_together(values, number):
    found = groups(Band("q", "q", quantiles=number), [float(value) for value in values])
    table = pd.DataFrame({"value": values, "code": found.cat.codes}).sort_values("value")
    assert table["code"].is_monotonic_increasing
    assert table.groupby("value")["code"].nunique().eq(1).all()


@quick
@given(st.integers(2, 6), st.integers(5, 40))
def test_quantile_groups_of_distinct_values_differ_by_one_in_size(number, times):
    sizes = groups(Band("q", "q", quantiles=number), np.random.default_rng(0).permutation(number * times) * 1.0)
    assert set(sizes.value_counts()) <= {times - 1, times, times + 1}
    assert sizes.cat.categories[0] == f"lowest of {number}"


def test_no_value_at_all_is_one_group():
    assert groups(Band("q", "q", quantiles=3), [np.nan, np.nan]).tolist() == [MISSING, MISSING]


@pytest.mark.parametrize("band", [Band("a", "a", edges=(0,)), Band("a", "a", quantiles=4), Band("a", "a")])
def test_the_index_is_that_of_the_records(band):
    frame = pd.DataFrame({"a": [3.0, 1.0, 2.0]}, index=[7, 5, 6])
    assert assign(band, frame).index.tolist() == [7, 5, 6]
