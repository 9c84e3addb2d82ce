"""Feature lists by their definition: a scan over all records for each record, in exact arithmetic."""

import itertools
from datetime import datetime, timedelta
from fractions import Fraction
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from lifecycle.features.aggregates import AGGREGATES
from lifecycle.problem.record_words import DAY_US, Difference, Hour, Night, Ratio, Raw
from lifecycle.problem.window_words import Feature, Where, Window

Table = dict[str, np.ndarray]
DECIMALS = {"amount": 2, "items": 0, "fraud": 0}
COLUMNS = {
    "none": (None,),
    "any": ("kind", "amount", "items"),
    "number": ("amount", "items", "speed"),
    "exact": ("amount", "items"),
    "flag": ("fraud",),
}
CONDITIONS = (
    (),
    (Where("amount", ">=", 300.5),),
    (Where("kind", "!=", "b"),),
    (Where("kind", "==", "a"), Where("items", "<=", 2)),
    (Where("score", ">=", 0.5),),  # missing here and there, as an earlier feature may be
    (Where("score", "!=", 0.5), Where("fraud", "==", 1)),
)
# Quarter days, and a microsecond to either side: most records stand on, or just beside, the edge of another's window.
record = st.tuples(
    st.integers(-6, 8),
    st.integers(-1, 1),
    st.integers(-1, 1),
    st.sampled_from([-20_005, 0, 30_049, 30_050, 30_051]),
    st.integers(0, 3),
    st.sampled_from([-0.0, 0.0, -2.25, 1e300]),
    st.sampled_from([0.25, 0.5, 0.75, nan, inf]),
    st.sampled_from("aabc"),
    st.integers(0, 1),
)


def _table(rows: list[Any]) -> Table:
    rows = sorted(rows, key=lambda row: row[:2])
    quarter, beside, card, cents, items, speed, score, kind, fraud = zip(*rows, strict=True) if rows else [()] * 9
    whole = {"card": card, "items": items, "fraud": fraud}
    return {
        "time": np.array(quarter, np.int64) * (DAY_US // 4) + np.array(beside, np.int64),
        **{name: np.array(values, np.int64) for name, values in whole.items()},
        **{name: np.array(values, np.float64) for name, values in {"speed": speed, "score": score}.items()},
        "amount": np.array(cents, np.int64) / 100,
        "kind": np.array(kind, object),
        "holder": np.array([f"card {number}" for number in card], object),
        "terminal": np.array(card, np.int64) + 2**40,
    }


tables = (st.lists(record, max_size=5) | st.lists(record, min_size=15, max_size=30)).map(_table)


def frame_of(table: Table) -> pd.DataFrame:
    """Return a table as the batch evaluator takes it."""
    return pd.DataFrame(table).assign(time=table["time"].astype("datetime64[us]"))


def windows_of(aggregate: str, **changes: Any) -> st.SearchStrategy[Window]:
    """Draw windows of an aggregate."""
    drawn = {
        "name": st.just(aggregate),
        "aggregate": st.just(aggregate),
        "by": st.sampled_from(["card", "holder", "terminal"]),
        "of": st.sampled_from(COLUMNS[AGGREGATES[aggregate].needs]),
        "days": st.sampled_from([(1,), (0.25, 1, 1.5)]),
        "delay_days": st.sampled_from([0, 0, 0.25, 1, 2.5]),
        "where": st.sampled_from(CONDITIONS),
        "current": st.booleans(),
        "empty": st.sampled_from([None, -1.0, nan]),
    }
    return st.builds(Window, **(drawn | changes))


def covered(columns: dict[str, list[Any]], row: int, window: Window, days: float) -> list[int]:
    """Return the rows that a window of a row covers, oldest first."""
    time, entity = columns["time"], columns[window.by]
    newest = time[row] - int(window.delay_days * DAY_US)
    rows = [other for other in range(len(time)) if entity[other] == entity[row]]
    rows = [other for other in rows if newest - int(days * DAY_US) < time[other] <= newest]
    if not window.delay_days:
        rows = [other for other in rows if other < row or (other == row and window.current)]
    return [other for other in rows if all(_meets(columns[w.column][other], w) for w in window.where)]


def _meets(value: Any, where: Where) -> bool:
    if isinstance(value, float) and isnan(value):  # what is missing is like nothing
        return where.is_ == "!="
    less, same = value < where.value, value == where.value
    return {"==": same, "!=": not same, "<=": less or same, ">=": not less}[where.is_]


def _defined(columns: dict[str, list[Any]], row: int, window: Window, days: float) -> float:
    rows = covered(columns, row, window, days)
    values = [columns[window.of][other] if window.of else None for other in rows]
    if AGGREGATES[window.aggregate].needs == "exact":
        scale = 10 ** DECIMALS[window.of]
        values = [Fraction(round(value * scale), scale) for value in values]
    seen = list(zip([columns["time"][other] for other in rows], values, strict=True))
    return AGGREGATES[window.aggregate](window, days).by_definition(seen, columns["time"][row])


def _single(feature: Feature, values: dict[str, Any]) -> Any:
    match feature:
        case Raw(name):
            return values[name]
        case Ratio(_, of, over, empty):
            return empty if values[over] == 0 or isnan(values[over]) else values[of] / values[over]
        case Difference(_, of, minus):
            return float(values[of]) - values[minus]
    moment = datetime(1970, 1, 1) + timedelta(microseconds=values["time"])
    if isinstance(feature, Hour):
        return moment.hour + (moment - moment.replace(minute=0, second=0, microsecond=0)) / timedelta(hours=1)
    return moment.hour <= feature.last_hour if isinstance(feature, Night) else moment.weekday() >= 5


def by_definition(features: tuple[Feature, ...], table: Table) -> dict[str, list[Any]]:
    """Evaluate a feature list, one record after the other."""
    columns = {name: values.tolist() for name, values in table.items()}
    rows = range(len(columns["time"]))
    for feature in features:
        if isinstance(feature, Window):
            for name, days in zip(feature.names, feature.days, strict=True):
                columns[name] = [_defined(columns, row, feature, days) for row in rows]
        else:
            columns[feature.name] = [_single(feature, {n: c[row] for n, c in columns.items()}) for row in rows]
    return {name: columns[name] for name in itertools.chain(*(feature.names for feature in features))}
