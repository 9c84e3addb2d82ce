"""The contract gate: keep the rows that fulfil it, quarantine the others with their reasons."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from lifecycle.contract.rejected_rows import example, rejected_rows
from lifecycle.core.tables import as_arrow
from lifecycle.core.value_limits import EXACT, FLOAT32, UNREADABLE
from lifecycle.problem.column_types import DECIMAL, Cells, parse, to_series
from lifecycle.problem.problem import Column, Problem

WORDS = {"not_nullable": "missing", "field_uniqueness": "duplicate", "multiple_fields_uniqueness": "duplicate record"}


class Verdict(NamedTuple):
    """What the gate decided."""

    kept: pd.DataFrame  # typed, in (time, key) order, or that of the keys where there is no time
    rejected: pa.Table  # as the source had it, with `source_row` and `reason`
    failed: dict[str, int]  # rows per failed check
    out_of_order: int  # kept rows that stood behind a later one
    examples: Mapping[str, str]  # of each failed check: its first value, and what to do about it


def check(raw: pa.Table | pd.DataFrame, problem: Problem, as_of: date | None) -> Verdict:
    """Hold a table against the contract: every check on every row, all failures at once.

    Parameters
    ----------
    raw : pyarrow.Table or pandas.DataFrame
        The contract's columns, typed or as text. The table's metadata say what stands before the decimals of text.
    problem : Problem
        Its contract and roles.
    as_of : datetime.date or None
        The last day a record can be from; None where the calendar has no say.

    Returns
    -------
    Verdict
        `kept` and `rejected` have together as many rows as `raw`.
    """
    table = as_arrow(raw) if isinstance(raw, pd.DataFrame) else raw
    decimal = (table.schema.metadata or {}).get(DECIMAL, b".").decode()
    cells = {name: parse(table[name], column, decimal) for name, column in problem.columns.items()}
    typed = pd.DataFrame({name: to_series(read.values) for name, read in cells.items()}, copy=False)
    cases = _cases(cells, typed, problem, as_of)
    reasons = cases.groupby("index", sort=True)["reason"].agg("; ".join)
    rejected = rejected_rows(table, reasons.index.to_list(), reasons.to_list())
    kept = typed.drop(index=reasons.index) if len(reasons) else typed
    kept = kept.assign(**{problem.target: _coded(kept[problem.target], problem)})
    kept = kept.astype({name: column.storage_type for name, column in problem.stored.items()})
    if len(kept) + len(rejected) != len(table):
        raise AssertionError("a row was lost between the contract and the quarantine")
    out_of_order = 0 if problem.time is None else int((kept[problem.time] < kept[problem.time].cummax()).sum())
    failed = {str(reason): int(rows) for reason, rows in cases["reason"].value_counts(sort=False).items()}
    examples = {
        str(case.reason): _example(table, case, problem) for case in cases.drop_duplicates("reason").itertuples()
    }
    return Verdict(_in_order(kept, problem), rejected, failed, out_of_order, examples)


def _coded(label: pd.Series, problem: Problem) -> pd.Series:
    """Return the code of each label: 0 or 1, or the place in `classes`. A number to predict stays as it is."""
    if problem.task == "multiclass":
        return label.map({name: code for code, name in enumerate(problem.classes)})
    return label if problem.positive is None else label == problem.positive


def _example(table: pa.Table, case: Any, problem: Problem) -> str:
    column = problem.columns.get(case.column)
    return example(table, case.index, column, case.reason.removeprefix(f"{case.column}: "))


def _cases(cells: dict[str, Cells], typed: pd.DataFrame, problem: Problem, as_of: date | None) -> pd.DataFrame:
    """Return one line per row and failed check: `index` (row) and `reason`, in column order."""
    from pandera.errors import SchemaErrors

    found = pd.DataFrame({"index": np.empty(0, np.int64), "column": "", "check": ""})
    try:
        _schema(problem, as_of).validate(typed, lazy=True)
    except SchemaErrors as errors:
        found = errors.failure_cases[["index", "column", "check"]]
    for name, read in cells.items():
        if read.misfits:
            misfit = (found["column"] == name) & found["index"].isin(list(read.misfits))
            found = found[~(misfit & (found["check"] == "not_nullable"))]
            reasons = pd.DataFrame({"index": read.misfits.keys(), "column": name, "check": read.misfits.values()})
            found = pd.concat([found, reasons], ignore_index=True)
    whole_row = found["check"] == "multiple_fields_uniqueness"
    reason = found["check"].map(lambda c: WORDS.get(c, c)).astype(object)
    found = found.assign(reason=reason.where(whole_row, found["column"].astype(object) + ": " + reason))
    found = found.assign(column=found["column"].mask(whole_row))
    return found.astype({"index": np.int64}).drop_duplicates(["index", "reason"]).sort_values("index", kind="stable")


def _schema(problem: Problem, as_of: date | None) -> Any:
    from pandera import pandas as pa

    def checks(column: Column) -> list[Any]:
        low, high = (_moment(v) if column.type == "timestamp" and v is not None else v for v in (column.ge, column.le))
        found = [] if low is None else [pa.Check.ge(low, error=f"below {column.ge}")]
        found += [] if high is None else [pa.Check.le(high, error=f"above {column.le}")]
        legal = column.isin or (problem.classes if column.name == problem.target else None)
        found += [pa.Check.isin(legal, error=f"not one of {legal}")] if legal else []
        if column.decimals is not None:
            found.append(pa.Check(partial(_fits, column.decimals), error=f"more than {column.decimals} decimals"))
        if column.type == "number":
            found.append(pa.Check(_in_range, error=f"not between -{FLOAT32:.4g} and {FLOAT32:.4g}"))
        if column.type == "text":
            found.append(pa.Check(_readable, error="holds what is no character"))
        if column.name == problem.time and as_of is not None:
            found.append(pa.Check.lt(pd.Timestamp(as_of) + pd.Timedelta(days=1), error=f"after {as_of}"))
        return found

    columns = {
        column.name: pa.Column(
            nullable=column.nullable, unique=column.unique, checks=checks(column), report_duplicates="exclude_first"
        )
        for column in problem.contract
    }
    return pa.DataFrameSchema(columns, unique=list(problem.distinct) or None, report_duplicates="exclude_first")


def _moment(limit: Any) -> pd.Timestamp:
    """Return a limit as columns of time are kept: in UTC, without a zone."""
    moment = pd.Timestamp(limit)
    return moment if moment.tz is None else moment.tz_convert("UTC").tz_localize(None)


def _fits(decimals: int, values: pd.Series) -> pd.Series:
    units = values * 10.0**decimals
    noise = 1e-6 + 1e-15 * units.abs()  # 0.1 + 0.2 has one decimal
    fits = (units - units.round()).abs() <= noise
    return fits & (units.abs() <= EXACT) if pd.api.types.is_float_dtype(values) else fits


def _in_range(values: pd.Series) -> pd.Series:
    return values.abs() <= FLOAT32


def _readable(values: pd.Series) -> pd.Series:
    return ~values.str.contains(f"[{UNREADABLE}]", regex=True)


def _in_order(kept: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    order = [problem.key] if problem.time is None else [problem.time, problem.key]
    if all(kept[name].is_monotonic_increasing for name in order):
        return kept.reset_index(drop=True)
    return kept.sort_values(order, kind="stable", ignore_index=True)
