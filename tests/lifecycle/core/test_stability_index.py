"""The population stability index against its formula."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.stability_index import LEAST, stability_index
from tests.helpers_model import quick

SHARES = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)


def shares_of(counts):
    return np.array(counts) / sum(counts)


@quick
@given(SHARES, SHARES)
def test_it_is_the_sum_of_its_formula_the_same_both_ways_and_0_for_the_same(expected, actual):
    e, a = shares_of(expected), shares_of(actual)
    pairs = [(max(x, LEAST), max(y, LEAST)) for x, y in zip(e, a, strict=True)]
    found = float(stability_index(e, a))
    assert found == pytest.approx(sum((y - x) * math.log(y / x) for x, y in pairs))
    assert found == pytest.approx(float(stability_index(a, e)))
    assert found >= 0
    assert stability_index(e, e) == 0


def test_of_several_rows_each_has_its_own():
    usual, rows = np.array([0.5, 0.5]), np.array([[0.5, 0.5], [1.0, 0.0], [0.4, 0.6]])
    found = stability_index(usual, rows)
    assert found.shape == (3,)
    assert found[1] == pytest.approx(0.5 * math.log(2) + (0.5 - LEAST) * math.log(0.5 / LEAST))
    assert found[0] == 0 < found[2] < found[1]
