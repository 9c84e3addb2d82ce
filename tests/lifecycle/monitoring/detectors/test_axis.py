"""Axes: bins that never change, and a place in them for every value there is."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.monitoring.detectors.axis import (
    FAR,
    MOST_TEXTS,
    OTHERS,
    TEXT_BINS,
    UNSEEN,
    Axis,
    decision_axis,
    feature_axis,
    score_axis,
    slice_axis,
)  # fmt: skip
from lifecycle.problem.slice_definitions import MISSING, Band, assign
from tests.helpers_model import quick

NUMBERS = st.lists(st.floats(width=64) | st.integers(-5, 5).map(float), min_size=1, max_size=60)
TEXTS = st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=60)
AXES = (
    NUMBERS.map(lambda values: feature_axis("x", pd.Series(values)))
    | TEXTS.map(lambda values: feature_axis("x", pd.Series(values, dtype="str")))
    | NUMBERS.map(lambda values: score_axis("x", pd.Series(values)))
    | NUMBERS.map(lambda values: slice_axis(Band("x", "x", quantiles=3), pd.Series(values)))
    | NUMBERS.map(lambda values: slice_axis(Band("x", "x"), pd.Series(values)))
)


@quick
@given(AXES, NUMBERS, TEXTS)
def test_every_value_has_a_bin_and_what_is_missing_the_last_one(axis, numbers, texts):
    values = pd.Series(numbers) if axis.texts is None else pd.Series(texts, dtype="str")
    codes = axis.codes(values)
    assert codes.dtype == np.int64
    assert len(axis.names) == axis.size
    assert ((codes >= 0) & (codes < axis.size)).all()
    np.testing.assert_array_equal(codes == axis.size - 1, values.isna())


@quick
@given(AXES)
def test_an_axis_comes_back_from_json_as_it_was(axis):
    text = json.dumps(axis.as_json(), allow_nan=False)
    assert Axis.from_json(json.loads(text)) == axis


def test_a_value_that_equals_an_edge_is_in_the_bin_below_it():
    axis = Axis("x", "x", "slice", (1.0, 2.0))
    assert axis.names == ["up to 1", "1 to 2", "above 2", MISSING]
    assert axis.codes(pd.Series([0.9, 1.0, 1.1, 2.0, 2.1, np.nan])).tolist() == [0, 0, 1, 1, 2, 3]


def test_the_bins_of_a_feature_hold_a_tenth_each():
    values = pd.Series(np.random.default_rng(0).normal(size=5000))
    axis = feature_axis("x", values)
    shares = np.bincount(axis.codes(values), minlength=axis.size) / len(values)
    np.testing.assert_allclose(shares, [0.1] * 10 + [0, 0], atol=1e-3)
    assert axis.names[-2:] == [FAR, MISSING]


def test_the_bins_of_later_values_are_those_of_the_reference():
    axis = feature_axis("x", pd.Series(np.arange(1000.0)))
    assert set(axis.codes(pd.Series(np.arange(900.0, 1000.0)))) <= {9, 8}
    assert set(axis.codes(pd.Series(np.linspace(1000, 1900, 50)))) == {9}


def test_few_distinct_numbers_get_a_bin_each():
    axis = feature_axis("x", pd.Series([3, 1, 1, 2] * 5))
    assert axis.codes(pd.Series([1, 2, 3, 2.5, 0])).tolist() == [0, 1, 2, 2, 0]
    assert axis.size == 5


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object", "bool"])
def test_numbers_of_any_type_are_numbers(dtype):
    given_values = [True, False] if dtype == "bool" else [1, 0, None]
    axis = feature_axis("x", pd.Series([0.0, 1.0] * 3))
    assert axis.codes(pd.Series(given_values, dtype=dtype)).tolist() == [1, 0, 3][: len(given_values)]


def test_a_number_is_far_when_it_is_outside_by_more_than_the_width_of_the_reference():
    axis = feature_axis("x", pd.Series([0.0, 4.0, 10.0]))
    assert [axis.names[code] for code in axis.codes(pd.Series([-10.0, -10.1, 20.0, 20.1, np.inf, -np.inf]))] == [
        "up to 0", FAR, "above 4", FAR, FAR, FAR,
    ]  # fmt: skip


def test_of_a_constant_column_any_other_value_is_far():
    axis = feature_axis("x", pd.Series([5.0, 5.0]))
    assert [axis.names[code] for code in axis.codes(pd.Series([5.0, 5.1, np.nan]))] == ["any value", FAR, MISSING]


def test_a_column_without_values_has_bins_for_those_that_come():
    axis = feature_axis("x", pd.Series([np.nan, np.nan]))
    assert [axis.names[code] for code in axis.codes(pd.Series([1.0, np.nan]))] == ["any value", MISSING]


def test_an_infinite_value_of_the_reference_moves_no_edge():
    numbers = [float(number) for number in range(100)]
    assert feature_axis("x", pd.Series([*numbers, np.inf, -np.inf])) == feature_axis("x", pd.Series(numbers))


def test_the_frequent_texts_have_a_bin_each_and_the_others_one_together():
    texts = [f"t{number:02}" for number in range(30) for _ in range(100 - number)]
    axis = feature_axis("x", pd.Series(texts))
    assert axis.names == [*(f"t{number:02}" for number in range(TEXT_BINS)), OTHERS, UNSEEN, MISSING]
    found = [axis.names[code] for code in axis.codes(pd.Series(["t00", "t19", "t20", "t29", "new", None]))]
    assert found == ["t00", "t19", OTHERS, OTHERS, UNSEEN, MISSING]


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_texts_of_any_type_are_texts(dtype):
    axis = feature_axis("x", pd.Series(["a", "a", "b"], dtype=dtype))
    assert axis.codes(pd.Series(["b", "a", "c", None], dtype=dtype)).tolist() == [1, 0, 3, 4]


def test_no_more_texts_are_remembered_than_a_bundle_should_hold():
    axis = feature_axis("x", pd.Series([f"t{number}" for number in range(MOST_TEXTS + 5)]))
    assert len(axis.texts) == MOST_TEXTS


def test_the_upper_end_of_a_score_has_narrow_bins():
    values = pd.Series(np.arange(1000) / 1000)
    axis = score_axis("score", values)
    assert (np.bincount(axis.codes(values), minlength=axis.size)[-4:] <= [51, 41, 11, 0]).all()
    assert axis.size == 13


def test_each_decision_has_its_bin():
    axis = decision_axis("decided", range(-1, 3))
    assert axis.codes(pd.Series([-1, 0, 2, 1])).tolist() == [0, 1, 3, 2]
    assert axis.names == ["-1", "0", "1", "2", MISSING]
    assert decision_axis("alert", (0, 1)).codes(pd.Series([1, 0], dtype=np.int8)).tolist() == [1, 0]


@pytest.mark.parametrize(
    "band", [Band("age", "age", edges=(30, 60)), Band("age", "age", quantiles=4), Band("age", "age", quantiles=3)]
)
def test_a_slice_has_the_groups_of_its_band(band):
    frame = pd.DataFrame({"age": np.random.default_rng(0).integers(0, 90, 500).astype(float)})
    axis = slice_axis(band, frame["age"])
    named = [axis.names[code] for code in axis.codes(frame["age"])]
    assert named == assign(band, frame).astype(str).tolist()


def test_a_slice_without_values_has_bins_all_the_same():
    axis = slice_axis(Band("age", "age", quantiles=3), pd.Series([np.nan, np.nan]))
    assert axis.codes(pd.Series([np.nan, 1.0])).tolist() == [3, 2]
