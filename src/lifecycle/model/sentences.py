"""Say what a feature holds as a sentence, from nothing but its declaration and the names of columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.features.vocabulary import Difference, Feature, Hour, Night, Ratio, Raw, Weekend, Window
from lifecycle.model.phrases import in_window, is_missing, number, of_window, plain

Known = Mapping[str, tuple[Feature, int]]  # by column: the feature, and the place among its columns


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
