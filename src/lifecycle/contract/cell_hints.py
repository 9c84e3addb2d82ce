"""Say what a cell that does not fit its column looks like, which form is read, and what to set."""

import re

from lifecycle.problem.cells import GAPS, OUT_OF_RANGE, TOO_FINE
from lifecycle.problem.problem import Column

FORM = "2024-12-31 or 2024-12-31T23:59:30+01:00"
ISO = f"times are read in the form {FORM}"
GAP_SPELLINGS = "an empty cell, " + ", ".join(GAPS[1:])
LIKE_GAPS = {"#N/A", "#N/A N/A", "#NA", "N.A.", "<NA>", "NAT", "NIL", "-", "--", "?", ".", "MISSING", "\\N"}
DAYS_FIRST = r"\d{1,2}([/.-])\d{1,2}\1\d{2,4}.*|\d{4}[/.]\d{1,2}[/.]\d{1,2}.*"
THOUSANDS = r"[+-]?\d{1,3}([ .,'\u00a0\u202f])\d{3}(\1\d{3})*([.,]\d+)?"
UNITS = {
    range(5, 6): "d",
    range(9, 11): "s",
    range(12, 14): "ms",
    range(15, 17): "us",
    range(18, 20): "ns",
}  # by digits
NAMES = {"d": "days", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def hint(cell: str, column: Column, reason: str) -> str:
    """Say what to do about a cell; "" when the reason says all.

    Parameters
    ----------
    cell : str
        As it stands in the source.
    column : Column
        Its contract.
    reason : str
        Why it was rejected.

    Examples
    --------
    >>> hint("12,5", Column("amount", "number", "euro"), "not of type number")
    "a decimal comma? set ingest.csv.decimal to ','; numbers are read in the form 1234.5"
    >>> hint("1522540831", Column("paid", "timestamp", ""), "not of type timestamp")
    "seconds since 1970? declare the column's unit='s' in src/problems/"
    """
    if ", but " in reason:
        return _of_another_type(column, reason)
    if reason == OUT_OF_RANGE:
        return f"is unit={column.unit!r} right?" if column.unit else ""
    if reason == TOO_FINE:
        return "round it to microseconds"
    if not reason.startswith("not of type"):
        return ""
    if cell.strip().upper() in LIKE_GAPS:
        return f"no value? a gap is written as {GAP_SPELLINGS}"
    return _time_form(cell, column) if column.type == "timestamp" else _number_form(cell, column)


def _of_another_type(column: Column, reason: str) -> str:
    if column.type == "timestamp" and re.search(r"but u?int\d|but double|but float", reason):
        return "declare the column's unit in src/problems/, such as unit='s' for seconds since 1970"
    if column.type == "text" and re.search(r"but (double|float|halffloat|decimal)", reason):
        return "export it as text or as whole numbers: 1147 must not become 1147.0"
    return f"export it as {'text' if column.type == 'text' else 'a ' + column.type}"


def _time_form(cell: str, column: Column) -> str:
    if column.unit is not None:
        return f"the column has unit={column.unit!r}: numbers since 1970 are read; leave it out for times like {FORM}"
    if re.fullmatch(DAYS_FIRST, cell.strip()):
        return f"{ISO}; rewrite it, or read it as text and make the time in the problem's `prepare`"
    digits = len(cell.strip().split(".")[0]) if re.fullmatch(r"\d+(\.\d+)?", cell.strip()) else 0
    for lengths, unit in UNITS.items():
        if digits in lengths:
            return f"{NAMES[unit]} since 1970? declare the column's unit={unit!r} in src/problems/"
    return ISO


def _number_form(cell: str, column: Column) -> str:
    form = (
        "whole numbers are read in the form 1234" if column.type == "integer" else "numbers are read in the form 1234.5"
    )
    if column.type == "number" and re.fullmatch(r"[+-]?\d*,\d+", cell.strip()):
        return f"a decimal comma? set ingest.csv.decimal to ','; {form}"
    if re.fullmatch(THOUSANDS, cell.strip()):
        return f"{form}, with nothing between the thousands"
    return form
