"""Name columns, numbers and windows in words, from nothing but a window's declaration and the names of columns."""

from typing import Any

from lifecycle.features.vocabulary import Where, Window

LIMITS = {"==": "{} {}", "!=": "{} other than {}", "<=": "{} at most {}", ">=": "{} at least {}"}
NOUNS = {
    "count": "number of records",
    "sum": "total {of}",
    "mean": "mean {of}",
    "std": "standard deviation of {of}",
    "min": "smallest {of}",
    "max": "largest {of}",
    "median": "median {of}",
    "rate": "share of records with {of}",
    "distinct": "number of different values of {of}",
    "since": "days since the last record",
    "run_length": "number of records in a row with {of}",
    "run_days": "days of records in a row with {of}",
}
SENTENCES = {
    "count": "{records} of {whose}{those} {span}",
    "rate": "{of} in {percent} % of {whose}'s records{those} {span}",
    "since": "{value} days since {whose}'s last record{those}",
    "run_length": "{of} in each of {whose}'s last {records}{those}{before}",
    "run_days": "{of} in each of {whose}'s last records{those} since {value} days ago",
}
NOTHING = {
    "since": "no record of {whose}{those} {span}",
    "run_length": "no {of} in {whose}'s last record{those}{before}",
    "run_days": "no {of} in {whose}'s last record{those}{before}",
}


def plain(name: str) -> str:
    """Return a column's name as a word: of `customer_id` customer, of `is_fraud` fraud."""
    return name.removeprefix("is_").removesuffix("_id").replace("_", " ")


def is_missing(value: Any) -> bool:
    """Tell whether a value is none: None, or one of those that are not even equal to themselves, such as NaN."""
    return value is None or bool(value != value)  # noqa: PLR0124


def number(value: Any, exact: bool = False) -> str:
    """Return a number with as many digits as a reader needs, or with all; text as it is."""
    if isinstance(value, str):
        return value
    if exact or float(value).is_integer():
        return f"{value:.10g}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def of_window(window: Window, days: float) -> str:
    """Return what a window aggregates as a noun: this customer's median amount in the last 60 days."""
    return "{whose}'s {noun}{those} {span}".format(**_words(window, days))


def in_window(window: Window, days: float, value: Any) -> str:
    """Say the value of a window of that length as a sentence."""
    words = _words(window, days)
    if is_missing(value):
        return "{whose} has no {noun}{those} {span}".format(**words)
    if window.aggregate in NOTHING and value == (window.nothing(days) or 0):
        return NOTHING[window.aggregate].format(**words)
    shown = number(value)
    records = {"0": "no record", "1": "1 record"}.get(shown, f"{shown} records")
    said = SENTENCES.get(window.aggregate, "{whose}'s {noun}{those} {span} is {value}")
    return said.format(**words, value=shown, percent=number(100 * value), records=records)


def _words(window: Window, days: float) -> dict[str, str]:
    """Return the parts of a sentence that a window's declaration gives."""
    of, length, delay = plain(str(window.of)), _days(days), f"up to {_days(window.delay_days)} ago"
    conditions = " and ".join(_condition(where) for where in window.where)
    return {
        "whose": f"this {plain(window.by)}",
        "of": of,
        "noun": NOUNS[window.aggregate].format(of=of),
        "those": f" with {conditions}" if conditions else "",
        "span": f"in the {length} {delay}" if window.delay_days else f"in the last {length.removeprefix('1 ')}",
        "before": f", {delay}" if window.delay_days else "",
    }


def _days(days: float) -> str:
    return "1 day" if days == 1 else f"{days:g} days"


def _condition(where: Where) -> str:
    if where.column.startswith("is_") and where.is_ == "==" and where.value in (0, 1):
        return f"{'' if where.value else 'no '}{plain(where.column)}"
    return LIMITS[where.is_].format(plain(where.column), number(where.value, exact=True))
