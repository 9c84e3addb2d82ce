"""Refused records: each by its time, and by the column that is at fault."""

import contextlib

import pandas as pd
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.tables import write_table
from lifecycle.monitoring.detectors.refusals import QUARANTINE, RAW, WHOLE, fault, refusals
from lifecycle.problem.problem import Column, Problem
from lifecycle.sources.files import to_contract
from problems import creditcard
from tests.lifecycle.monitoring.helpers_streams import PROBLEM

COLUMNS = ["amount", "amount: net", "seen_at", "a; b"]


@pytest.mark.parametrize(
    ("text", "column", "reason", "schema"),
    [
        ("amount: below 0", "amount", "below 0", False),
        ("amount: below 0; seen_at: missing", "seen_at", "missing", True),
        ("seen_at: not of type timestamp; amount: missing", "seen_at", "not of type timestamp", True),
        ("amount: net: above 5", "amount: net", "above 5", False),
        ("a; b: above 5; amount: below 0", "a; b", "above 5", False),
        ("amount: not one of ('x; y', 'z: q')", "amount", "not one of ('x; y', 'z: q')", False),
        ("duplicate record", WHOLE, "duplicate record", False),
        ("amount: below 0; duplicate record", "amount", "below 0; duplicate record", False),
    ],
)
def test_a_reason_names_its_column_whatever_stands_between(text, column, reason, schema):
    found = fault(text, COLUMNS)
    assert found == (column, reason)
    assert found[1].startswith(("missing", "not of type")) == schema


def gate(folder, source, problem):
    """Lay out what `ingest` and `validate` write of a source."""
    raw = to_contract(source, problem, "source")
    rejected = check(raw, problem, None).rejected
    write_table(raw, folder / RAW)
    write_table(rejected, folder / QUARANTINE)
    with contextlib.chdir(folder):
        return refusals(problem)


def source_of(times, **columns):
    rows = len(times)
    table = pd.DataFrame(
        {"visit": range(rows), "seen_at": times, "card": 1, "amount": 1.0, "age": 30.0, "shop": "bakery", "is_bad": 0}
    )
    return table.assign(**columns)


def test_a_record_with_a_time_that_cannot_be_read_is_of_the_time_before_it_in_the_source(tmp_path):
    times = ["2026-01-01T08:00", "2026-01-05 09:00:00", "2026-02-01T10:00:00+02:00", "yesterday", "", "2026-03-01"]
    source = source_of(times, amount=[None, 1.0, 1.0, 1.0, 1.0, None])
    found = gate(tmp_path, source, PROBLEM)
    assert found["seen_at"].tolist() == [
        pd.Timestamp(time) for time in ("2026-01-01 08:00", "2026-02-01 08:00", "2026-02-01 08:00", "2026-03-01")
    ]
    assert found["column"].tolist() == ["amount", "seen_at", "seen_at", "amount"]
    assert found["schema"].all()


def test_the_first_of_a_source_is_of_the_time_after_it(tmp_path):
    found = gate(tmp_path, source_of(["never", "2026-01-05", "2026-01-06"]), PROBLEM)
    assert found["seen_at"].tolist() == [pd.Timestamp("2026-01-05")]


def test_without_refusals_there_is_an_empty_table_of_the_same_columns(tmp_path):
    full = gate(tmp_path / "a", source_of(["2026-01-05", "no"]), PROBLEM)
    empty = gate(tmp_path / "b", source_of(["2026-01-05", "2026-01-06"]), PROBLEM)
    assert not len(empty)
    assert set(empty) == set(full)


def test_a_time_under_another_name_and_in_seconds_is_read_as_the_contract_says(tmp_path):
    when = Column("when", "timestamp", "", aliases=("ts",), unit="s")
    columns = (Column("id", "integer", ""), when, Column("size", "number", "", ge=0), Column("bad", "integer", ""))
    problem = Problem(columns, (), "bad", key="id", time="when")
    first = int(pd.Timestamp("2026-01-05").timestamp())
    source = pd.DataFrame({"id": [1, 2, 3], "ts": [first, first + 86_400, -(10**18)], "size": [-1, -2, 3], "bad": 0})
    found = gate(tmp_path, source, problem)
    assert found["when"].tolist() == [pd.Timestamp(day) for day in ("2026-01-05", "2026-01-06", "2026-01-06")]
    assert found["column"].tolist() == ["size", "size", "when"]
    assert not found["schema"].any()


def test_a_time_that_prepare_makes_is_known(tmp_path):
    problem = creditcard.PROBLEM
    names = [column.name for column in problem.contract if not column.derived]
    source = pd.DataFrame(0.5, index=range(3), columns=[*names, *problem.ignored])
    source = source.assign(Time=[0.0, 3600.0, 90_000.0], Class=[0, 1, 7])
    found = gate(tmp_path, source, problem)
    assert found["column"].tolist() == ["Class"]
    prepared = to_contract(source, problem, "source").to_pandas()[problem.time].iloc[2]
    assert found[problem.time].tolist() == [pd.Timestamp(prepared)]
