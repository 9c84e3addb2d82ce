from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.problem.window_words import COMPARISONS, Where
from tests.helpers_model import quick

numbers = st.sampled_from([-1, 0, 1, 2, -1.5, 0.5, 1.0, nan, inf, -inf])


@pytest.mark.parametrize("is_", COMPARISONS)
@given(values=st.lists(numbers), limit=st.sampled_from([-1, 0.5, 1]))
@quick
def test_a_condition_holds_for_one_number_as_in_an_array(is_, values, limit):
    condition = Where("x", is_, limit)
    found = condition.holds(np.array(values, np.float64))
    assert found.dtype == bool
    assert found.tolist() == [bool(condition.holds(value)) for value in values]


@pytest.mark.parametrize("is_", COMPARISONS)
def test_a_condition_holds_for_one_text_as_in_an_array(is_):
    condition, texts = Where("x", is_, "b"), ["a", "b", "c", "", "B", "bb"]
    for array in (np.array(texts, object), np.array(texts)):
        found = condition.holds(array)
        assert found.dtype == bool
        assert found.tolist() == [condition.holds(text) for text in texts]


def test_what_is_missing_meets_no_condition_but_being_different():
    assert [is_ for is_ in COMPARISONS if Where("x", is_, 1).holds(nan)] == ["!="]


def test_the_operators_are_what_they_are_called():
    for name, (function, *_) in COMPARISONS.items():
        for a, b in ((1, 2), (2, 2), (3, 2)):
            assert function(a, b) is eval(f"a {name} b", {"a": a, "b": b}), name
