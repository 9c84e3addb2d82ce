import numpy as np
import pytest
from scipy.special import expit

from lifecycle.core.portable_math import sigmoid


def test_it_has_the_bits_of_scipy():
    x = np.concatenate([np.random.default_rng(0).normal(size=10_000) * 50, [0.0, -0.0, 708.9, -708.9, 1e300, np.inf]])
    np.testing.assert_array_equal(sigmoid(x), expit(x), strict=True)


@pytest.mark.parametrize("far", [-710.0, -1e300, -np.inf])
def test_what_is_far_below_is_zero(far, recwarn):
    assert sigmoid(np.array([far])).tolist() == [0]
    assert not recwarn.list


def test_no_value_and_no_values():
    assert np.isnan(sigmoid(np.array([np.nan]))).all()
    assert sigmoid(np.zeros(0)).dtype == np.float64
