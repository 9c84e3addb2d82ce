import pytest

from lifecycle.contract.cell_hints import hint
from lifecycle.contract.row_validation import check
from lifecycle.problem.problem import Column
from tests.helpers_data import small_problem, small_table, with_cell

COLUMNS = {kind: Column("x", kind, "") for kind in ("integer", "number", "text", "timestamp")}
UNIT = Column("x", "timestamp", "", unit="s")


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("number", "12,5", "set ingest.csv.decimal to ','"),
        ("number", "-,5", "set ingest.csv.decimal to ','"),
        ("number", "1.234,50", "nothing between the thousands"),
        ("number", "1 234", "nothing between the thousands"),
        ("number", "1'234'567.5", "nothing between the thousands"),
        ("number", "5 EUR", "numbers are read in the form 1234.5"),
        ("number", "#N/A", "a gap is written as an empty cell, NA, N/A, NaN, nan, null, NULL, None"),
        ("integer", "-", "a gap is written as"),
        ("integer", "1,234", "nothing between the thousands"),
        ("integer", "1.5", "whole numbers are read in the form 1234"),
        ("timestamp", "31/12/2024", "times are read in the form 2024-12-31 or 2024-12-31T23:59:30+01:00; rewrite it"),
        ("timestamp", "1.2.2024 10:00", "make the time in the problem's `prepare`"),
        ("timestamp", "2024/12/31", "make the time in the problem's `prepare`"),
        ("timestamp", "now", "times are read in the form 2024-12-31"),
        ("timestamp", "2018", "times are read in the form 2024-12-31"),
        ("timestamp", "1522540831", "seconds since 1970? declare the column's unit='s'"),
        ("timestamp", "1522540831.5", "unit='s'"),
        ("timestamp", "17622", "days since 1970? declare the column's unit='d'"),
        ("timestamp", "1522540831000", "milliseconds since 1970? declare the column's unit='ms'"),
        ("timestamp", "1522540831000000", "unit='us'"),
        ("timestamp", "1522540831000000000", "unit='ns'"),
        ("timestamp", "#N/A", "a gap is written as"),
    ],
)
def test_a_misfit_says_which_form_is_read_and_what_to_set(column, cell, said):
    assert said in hint(cell, COLUMNS[column], f"not of type {column}")


@pytest.mark.parametrize(
    ("column", "reason", "said"),
    [
        (COLUMNS["timestamp"], "not of type timestamp, but int64", "declare the column's unit"),
        (COLUMNS["timestamp"], "not of type timestamp, but double", "declare the column's unit"),
        (COLUMNS["timestamp"], "not of type timestamp, but bool", "export it as a timestamp"),
        (COLUMNS["text"], "not of type text, but double", "1147 must not become 1147.0"),
        (COLUMNS["text"], "not of type text, but list<item: int64>", "export it as text"),
        (COLUMNS["number"], "not of type number, but binary", "export it as a number"),
        (UNIT, "not between the years 1678 and 2261", "is unit='s' right?"),
        (COLUMNS["timestamp"], "not between the years 1678 and 2261", ""),
        (UNIT, "finer than a microsecond", "round it to microseconds"),
        (UNIT, "not of type timestamp", "the column has unit='s': numbers since 1970 are read"),
        (COLUMNS["number"], "below 0", ""),
        (COLUMNS["number"], "missing", ""),
    ],
)
def test_each_reason_has_its_own_advice_or_none(column, reason, said):
    found = hint("5", column, reason)
    assert found == said if said == "" else said in found


@pytest.mark.parametrize(
    ("column", "reason", "said"),
    [
        ("text", "not of type text, but list<item: int64>", "export it as text"),
        ("text", "not of type text, but bool", "export it as text"),
        ("integer", "not of type integer, but double", "export it as a integer"),
    ],
)
def test_another_type_is_exported_as_the_declared_one(column, reason, said):
    assert hint("5", COLUMNS[column], reason) == said


@pytest.mark.parametrize("cell", ["yesterday!", "15225408310", "12345678", "1.522540831", "1522540831."])
def test_only_as_many_digits_as_seconds_have_are_taken_for_seconds(cell):
    assert hint(cell, COLUMNS["timestamp"], "not of type timestamp").startswith("times are read in the form")


@pytest.mark.parametrize(("length", "shown"), [(60, "x" * 60), (61, "x" * 60 + "...")])
def test_a_value_is_shown_whole_up_to_sixty_characters(length, shown):
    problem = small_problem(Column("amount", "number", ""))
    examples = check(small_table(1, amount=["x" * length]), problem, None).examples
    assert examples["amount: not of type number"].startswith(f"the first is {shown!r} in row 0: ")


def test_the_verdict_has_the_first_value_of_each_reason():
    problem = small_problem(Column("amount", "number", "", ge=0), distinct=("amount",))
    table = small_table(6, amount=["1", "x" * 80, "-2", "", "1", "x"])
    examples = check(with_cell(table, 5, "id", 0), problem, None).examples
    shown = "x" * 60 + "..."
    assert examples == {
        "amount: not of type number": f"the first is {shown!r} in row 1: numbers are read in the form 1234.5",
        "amount: below 0": "the first is '-2' in row 2",
        "amount: missing": "the first is '' in row 3",
        "duplicate record": "the first in row 4",
        "id: duplicate": "the first is '0' in row 5",
    }
