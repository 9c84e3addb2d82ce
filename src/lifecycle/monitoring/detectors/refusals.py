"""The records that the contract refused, by time and by the column that they were refused for."""

import re
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from lifecycle.core.tables import read_arrow
from lifecycle.monitoring.detectors.daily_counts import no_rejections
from lifecycle.problem.column_types import DECIMAL, parse, to_series
from lifecycle.problem.problem import Problem

QUARANTINE, RAW = "data/quarantine/rejected.parquet", "data/raw/records.parquet"
WHOLE = "whole record"
MISFITS = ("missing", "not of type")  # reasons that all records of a day have when a column has gone


def refusals(problem: Problem) -> pd.DataFrame:
    """Return the records in quarantine: time, `column`, `reason`, and `schema`, whether it may be the column itself.

    A record whose time can't be read is taken to be of the time of the record before it in the source.
    """
    rejected, time = read_arrow(QUARANTINE), problem.time_column
    if not len(rejected):
        return no_rejections(time)
    when = _times(rejected, problem)
    if when.isna().any():
        of_source = _times(read_arrow(RAW, [time]), problem).ffill().bfill()
        when = when.fillna(of_source.take(rejected["source_row"].to_numpy()).reset_index(drop=True))
    return faults(rejected, problem).assign(**{time: when})


def faults(rejected: pa.Table, problem: Problem) -> pd.DataFrame:
    """Return `column`, `reason` and `schema` of each record that the contract refused."""
    found = [fault(text, list(problem.columns)) for text in rejected["reason"].to_pylist()]
    table = pd.DataFrame(found, columns=["column", "reason"], dtype=str)
    return table.assign(schema=table["reason"].str.startswith(MISFITS))


def _times(table: pa.Table, problem: Problem) -> pd.Series:
    """Return the times of a table that is as the source has it, NaT where they can't be read."""
    decimal = (table.schema.metadata or {}).get(DECIMAL, b".").decode()
    time = problem.time_column
    return to_series(parse(table[time], problem.columns[time], decimal).values)


def fault(text: str, columns: Sequence[str]) -> tuple[str, str]:
    """Return the column that a record was refused for, and why; of several the one that may have gone altogether.

    Examples
    --------
    >>> fault("amount: below 0; shop: missing", ["amount", "shop"])
    ('shop', 'missing')
    >>> fault("duplicate record", ["amount", "shop"])
    ('whole record', 'duplicate record')
    """
    names = "|".join(re.escape(name) for name in sorted(columns, key=len, reverse=True))
    found = list(re.finditer(f"(?:^|; )({names}): ", text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    named = [(one[1], text[one.end() : end]) for one, end in zip(found, ends, strict=True)] if found else []
    if not named:
        return WHOLE, text
    return next((one for one in named if one[1].startswith(MISFITS)), named[0])
