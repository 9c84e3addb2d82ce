"""Column names and values in plain words: parts of the sentences that explain a score."""

from typing import Any


def column_noun(name: str) -> str:
    """Return a column's name as a noun.

    Examples
    --------
    >>> column_noun("customer_id"), column_noun("is_late"), column_noun("amount_ratio")
    ('customer', 'late', 'amount ratio')
    """
    return name.removeprefix("is_").removesuffix("_id").replace("_", " ")


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, or unequal to itself, as NaN is."""
    return value is None or bool(value != value)  # noqa: PLR0124


def number_text(value: Any, exact: bool = False) -> str:
    """Return a number with as many digits as a reader needs, or with all of them; text as it is.

    Examples
    --------
    >>> number_text(0.0312), number_text(23.76), number_text(1234.6), number_text(1234.6, exact=True)
    ('0.031', '23.8', '1235', '1234.6')
    """
    if isinstance(value, str):
        return value
    if exact or float(value).is_integer():
        return f"{value:.10g}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def days_text(days: float) -> str:
    """Return a number of days in words."""
    return "1 day" if days == 1 else f"{days:g} days"
