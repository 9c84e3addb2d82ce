import pytest

from lifecycle.document.blocks import between, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_754_155, "1,754,155"), (5.0, "5"), (59.32142, "59.32"), (0.76734, "0.7673"), (-0.0004461, "-0.000446"),
     (None, "not defined"), ("amount", "amount")],
)  # fmt: skip
def test_numbers_have_about_four_digits_and_counts_have_all(value, text):
    assert number(value) == text


def test_an_interval_with_an_end_that_is_not_defined_is_none():
    assert between(None, 1.0) == between(1.0, None) == "not defined"
