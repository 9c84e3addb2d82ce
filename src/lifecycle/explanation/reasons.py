"""Why a record was scored high, in words: the features that pushed its score up most."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Feature, Where, Window

Known = Mapping[str, tuple[Feature, int]]  # by column: the feature, and the place among its columns
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


class Reason(NamedTuple):
    """One feature that raised a score: by how much, and what it holds, in words."""

    feature: str
    contribution: float
    words: str


def reasons(
    features: Sequence[Feature], contributions: Mapping[str, float], row: Mapping[str, Any], k: int
) -> list[Reason]:
    """Return the k features that pushed a score up most, greatest first; fewer where fewer did.

    Parameters
    ----------
    features : sequence of Feature
        The problem's declaration; a service has it from `lifecycle.problem.window_words.features_of`.
    contributions : mapping of str to float
        What each feature adds to the score.
    row : mapping of str to Any
        The value of each feature, and of the hidden ones where they are at hand.
    k : int
        Most reasons to give.
    """
    upward = sorted((-added, name) for name, added in contributions.items() if added > 0)
    return [Reason(name, -less, sentence(features, name, row)) for less, name in upward[:k]]


def sentence(features: Sequence[Feature], name: str, row: Mapping[str, Any]) -> str:
    """Say what a column of the feature table holds in a row.

    Parameters
    ----------
    features : sequence of Feature
        All that the problem declares, the hidden ones too.
    name : str
        The column.
    row : mapping of str to Any
        Values by column. Where it holds both sides of a ratio, a ratio by 0 or by nothing is told as such.
    """
    known = {column: (feature, place) for feature in features for place, column in enumerate(feature.names)}
    (feature, place), value = known[name], row[name]
    match feature:
        case Window():
            return in_window(feature, feature.days[place], value)
        case Ratio() | Difference():
            return _comparison(feature, known, row)
        case Weekend() | Night() | Hour():
            return _calendar(feature, value)
    return f"{plain(name)} is {'missing' if is_missing(value) else number(value, exact=isinstance(feature, Raw))}"


def _comparison(feature: Ratio | Difference, known: Known, row: Mapping[str, Any]) -> str:
    value, of = row[feature.name], _noun(known, feature.of)
    if isinstance(feature, Difference):
        other = _noun(known, feature.minus)
        if is_missing(value):
            return f"{of} has nothing to be compared with: {other} is missing"
        return f"{of} is {number(abs(value))} {'above' if value >= 0 else 'below'} {other}"
    other, over = _noun(known, feature.over), row.get(feature.over, 1)
    if is_missing(value) or is_missing(over) or over == 0:
        return f"{of} has nothing to be compared with: {other} is 0 or missing"
    return f"{of} is {number(value)} times {other}"


def _calendar(feature: Weekend | Night | Hour, value: Any) -> str:
    match feature:
        case Weekend():
            return "it is a Saturday or a Sunday" if value else "it is neither Saturday nor Sunday"
        case Night(_, last_hour):
            return f"it is {'' if value else 'not '}between 0:00 and {last_hour}:59"
    return f"the time is {int(value)}:{int(value % 1 * 60):02}"


def _noun(known: Known, name: str) -> str:
    feature, place = known.get(name, (None, 0))
    return of_window(feature, feature.days[place]) if isinstance(feature, Window) else plain(name)


def plain(name: str) -> str:
    """Return a column's name as a word: of `customer_id` customer, of `is_late` late."""
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
