"""A value that the gate lets through is taken by the service, and one that it rejects is refused in the same words."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.contract.row_validation import check
from lifecycle.problem.problem import Column
from service.inputs.value_checks import checker
from tests.helpers_data import small_problem, small_table
from tests.helpers_model import quick


def failed_alike(column, value, words):
    """Return the checks that a value fails, when the service refuses it in some words; otherwise it must take it."""
    values = pd.Series([value], dtype="str" if column.type == "text" else None)
    failed = list(check(small_table(1, **{column.name: values}), small_problem(column), None).failed)
    served = checker({"name": column.name, "type": column.type, "decimals": column.decimals})
    if failed:
        with pytest.raises(ValueError, match=words):
            served(value)
    else:
        assert served(value) == value
    return failed


@quick
@given(
    euro=st.floats(-1e9, 1e9)
    | st.floats(-1e300, 1e300)
    | st.integers(-(10**11), 10**11).map(lambda units: units / 1000)
)
def test_a_value_that_passes_here_passes_the_service(euro):
    failed_alike(Column("euro", "number", "", decimals=2), euro, r"more than 2 decimals|is not between")


@quick
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_too_large_for_a_model_is_rejected_as_the_service_does(value):
    failed = failed_alike(Column("weight", "number", ""), value, "is not between")
    assert failed in ([], ["weight: not between -3.403e+38 and 3.403e+38"])


@quick
@given(text=st.text(min_size=1) | st.sampled_from(["a\0b", "\uffff", "\0", "a\n\uffff"]))
def test_text_that_the_service_could_not_take_is_rejected(text):
    failed = failed_alike(Column("shop", "text", ""), text, "holds what is no character")
    assert failed in ([], ["shop: holds what is no character"])
