import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.portable_math import stable_argsort
from lifecycle.core.value_limits import none_if_nan
from tests.helpers_model import quick

# Few values make ties; the large ones differ only above, or only below, a limit of 16 bits.
LIMITS = [2**k + d for k in (8, 15, 16, 17, 31, 32, 33, 48, 62) for d in (-1, 0, 1)]
keys = st.lists(st.integers(0, 5) | st.sampled_from(LIMITS) | st.integers(0, 2**63 - 1), max_size=60)


@quick
@given(keys)
def test_order_is_that_of_numpys_stable_sort(values):
    array = np.array(values, dtype=np.int64)
    order = stable_argsort(array)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order, np.argsort(array, kind="stable"))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.uint64])
def test_every_integer_type_is_ordered_up_to_its_end(dtype):
    top = np.iinfo(dtype).max
    array = np.array([top, 0, top - 1, 1, top, 0, top // 2], dtype=dtype)
    np.testing.assert_array_equal(stable_argsort(array), np.argsort(array, kind="stable"))


def test_ties_keep_their_places_in_a_long_array():
    array = np.random.default_rng(0).integers(0, 100_000, 200_000)
    np.testing.assert_array_equal(stable_argsort(array), np.argsort(array, kind="stable"))


def test_keys_themselves_are_not_changed():
    array = np.array([70_000, 3, 70_000])
    stable_argsort(array)
    assert array.tolist() == [70_000, 3, 70_000]


@pytest.mark.parametrize("values", [[-1], [5, 2, -(2**40)]])
def test_negative_key_is_refused(values):
    with pytest.raises(ValueError, match="non-negative"):
        stable_argsort(np.array(values))


def test_what_is_undefined_is_written_as_none():
    assert [none_if_nan(value) for value in (float("nan"), 0.5, 3, "a")] == [None, 0.5, 3, "a"]
