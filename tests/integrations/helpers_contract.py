"""A small contract with every kind of rule, and a table with one planted fault of each kind."""

import datetime as dt
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lifecycle.contract.row_validation import check
from lifecycle.problem import Column, Problem
from tests.helpers_data import small_problem, small_table

LAST_DAY = dt.date(2018, 1, 31)
ROWS = 6


def contract() -> Problem:
    """Return a problem whose contract has a rule of each kind."""
    return small_problem(
        Column("day", "timestamp", "", ge="2018-01-01", le="2018-02-15"),
        Column("amount", "number", "", ge=0, le=1_000, decimals=2),
        Column("level", "number", "", nullable=True),
        Column("count", "integer", "", nullable=True, ge=-5),
        Column("place", "text", "", isin=("here", "there")),
        Column("note", "text", "", nullable=True),
        distinct=("day", "amount"),
    )


def table() -> pd.DataFrame:
    """Return a table that fulfils it; a sum has the noise of floats, and what may be missing is missing once."""
    number = np.arange(ROWS)
    return small_table(
        ROWS,
        day=pd.Timestamp("2018-01-01") + pd.to_timedelta(number, "D"),
        amount=[0.0, 0.1 + 0.2, 7.25, 1_000.0, 12.5, 3.0],
        level=[1e-5, -1e30, None, 0.125, 3.0, 1.0],
        count=pd.array([1, None, 3, -5, 5, 6], dtype="Int64"),
        place=["here", "there"] * 3,
        note=["a", None, "c", "", "e\n", "ü"],
    )


def _with(column: str, value: object, row: int = 3) -> pd.DataFrame:
    values = table()[column].astype(object).tolist()
    values[row] = value
    return table().assign(**{column: values})


def faults() -> Mapping[str, pd.DataFrame]:
    """Return tables with one fault each, by what it is."""
    later, twice = pd.Timestamp("2018-02-01"), table().loc[0]
    return {
        "a missing number": _with("amount", None),
        "a missing time": _with("time", pd.NaT),
        "a missing text": _with("place", None),
        "a fraction for a whole number": _with("id", 1.5),
        "a text for a number": table().assign(amount=["x", *map(str, table()["amount"][1:])]),
        "a text for a time": table().assign(day=["soon", *map(str, table()["day"][1:])]),
        "below the smallest": _with("amount", -0.01),
        "below the smallest of a column with gaps": _with("count", -6),
        "above the largest": _with("amount", 1_000.01),
        "before the first time": _with("day", pd.Timestamp("2017-12-31 23:59:59")),
        "after the largest time": _with("day", pd.Timestamp("2018-02-16")),
        "after the last day": _with("time", later),
        "not one of the numbers": _with("label", 2),
        "not one of the texts": _with("place", "elsewhere"),
        "too many decimals": _with("amount", 7.125),
        "a tiny number": _with("amount", 1e-5),
        "larger than a float32": _with("level", 1e39),
        "infinite": _with("level", math.inf),
        "no character": _with("note", "\uffff"),
        "the end of a text in C": _with("note", "a\0b"),
        "a key twice": _with("id", 0),
        "a record twice": table().assign(
            day=[*table()["day"][:5], twice["day"]], amount=[*table()["amount"][:5], twice["amount"]]
        ),
    }


def refused(rows: pd.DataFrame) -> set[str]:
    """Return the columns that the project's own gate names."""
    columns = set()
    for reason in check(rows, contract(), LAST_DAY).failed:
        columns |= set(contract().distinct) if reason == "duplicate record" else {reason.split(":")[0]}
    return columns
