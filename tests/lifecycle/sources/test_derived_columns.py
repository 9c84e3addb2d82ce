import dataclasses

import pandas as pd
import pyarrow as pa
import pytest

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import as_arrow
from lifecycle.problem.problem import ROW_NUMBER, Column
from lifecycle.problem.record_words import Raw
from lifecycle.sources.files import to_contract
from problems import creditcard
from tests.helpers_data import creditcard_table, small_problem, small_table

DOUBLE = Column("double", "number", "", derived=True)


def problem(prepare, *columns):
    columns = columns or (Column("amount", "number", ""), DOUBLE)
    return small_problem(*columns, prepare=prepare, ignored=("secret", "old-name"))


def table(**changes):
    return small_table(4, **{"amount": ["1", "2.5", "x", "4"], "secret": 7} | changes)


def refusal(prepare, *columns):
    with pytest.raises(PipelineError) as refused:
        to_contract(table(), problem(prepare, *columns), "a.csv")
    return str(refused.value)


def doubled(source):
    return source.assign(double=source["amount"] * 2)


def test_prepare_gets_values_and_what_does_not_fit_stays_as_it_was_for_the_gate():
    raw = to_contract(table(), problem(doubled), "a.csv")
    assert raw["amount"].to_pylist() == ["1", "2.5", "x", "4"]
    assert raw["double"].to_pylist() == [2.0, 5.0, None, 8.0]
    assert check(raw, problem(doubled), None).failed == {"amount: not of type number": 1, "double: missing": 1}


@pytest.mark.parametrize("numbers", [[2**60 + 1, 5, 6, 7], [str(2**60 + 1), "", "6", "7"]])
def test_prepare_gets_whole_numbers_exactly_also_beside_a_gap(numbers):
    seen = []
    wanted = problem(lambda source: seen.append(source) or doubled(source), Column("amount", "integer", ""), DOUBLE)
    to_contract(table(amount=numbers), wanted, "a.csv")
    assert seen[0]["amount"].iloc[0] == 2**60 + 1


def test_prepare_may_return_its_own_columns_alone_and_in_any_type():
    columns = (Column("amount", "number", ""), Column("note", "text", "", derived=True))
    made = problem(lambda source: pd.DataFrame({"note": [1, "b", None, 10**30]}, dtype=object), *columns)
    assert to_contract(table(), made, "a.csv")["note"].to_pylist() == ["1", "b", None, str(10**30)]


def test_prepare_gets_ignored_columns_as_they_stand_and_they_go_no_further():
    raw = to_contract(table(secret=["7", "8", "", "x"]), problem(lambda s: s.assign(double=s["secret"])), "a.csv")
    assert raw.column_names == ["id", "time", "label", "amount", "double"]
    assert raw["double"].to_pylist() == ["7", "8", "", "x"]


def test_records_without_a_key_are_counted():
    roles = {"key": ROW_NUMBER, "time": None, "features": (Raw("amount"),), "ignored": ("secret",)}
    raw = to_contract(table(), small_problem(Column("amount", "number", ""), **roles), "a.csv")
    assert raw.column_names[0] == "row_number"
    assert raw["row_number"].to_pylist() == [0, 1, 2, 3]


def test_a_change_in_place_does_not_reach_the_records():
    def prepare(source):
        source["double"] = source["amount"] * 2
        return source

    assert to_contract(table(), problem(prepare), "a.csv")["amount"].to_pylist() == ["1", "2.5", "x", "4"]


def rounded(source):
    return doubled(source).assign(amount=source["amount"].round())


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda s: doubled(s)[s["amount"] > 1], "`prepare` returned 2 rows for 4: it must keep every row"),
        (lambda s: pd.concat([doubled(s)] * 2), "`prepare` returned 8 rows for 4"),
        (lambda s: None, "`prepare` must return a table, not NoneType"),
        (lambda s: s, "`prepare` must make the derived column double, once; it returned id, time, label, amount"),
        (
            lambda s: pd.concat([doubled(s), s["amount"].rename("double")], axis=1),
            "`prepare` must make the derived column double, once",
        ),
        (rounded, "`prepare` changed column amount: it may only add derived columns"),
        (lambda s: doubled(s)[::-1], "`prepare` changed the order of the rows, or their index"),
        (lambda s: doubled(s)[::-1].reset_index(drop=True), "`prepare` changed column id: it may only add"),
        (lambda s: doubled(s).set_index("label"), "`prepare` changed the order of the rows, or their index"),
    ],
)
def test_prepare_that_changes_more_than_its_columns_is_refused(prepare, said):
    assert f"a.csv: {said}" in refusal(prepare)


def test_another_type_for_the_same_values_is_no_change():
    same = problem(lambda source: doubled(source).astype({"label": "int8", "amount": object}))
    assert to_contract(table(), same, "a.csv").num_rows == 4


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda s: s[["old-name"]], "it gets the columns id, time, label, amount, secret"),
        (lambda s: s.assign(double=s.euro), "has no attribute 'euro'; it gets the columns id, time, label, amount"),
        (lambda s: s.assign(double=s["euro"]), "KeyError: 'euro'; it gets the columns id, time, label, amount"),
        (lambda s: s.assign(double=1 / 0), "`prepare` failed on a.csv: ZeroDivisionError: division by zero"),
    ],
)
def test_prepare_that_fails_is_told_in_words_that_name_the_column(prepare, said):
    message = refusal(prepare)
    assert message.startswith("src/problems: `prepare` failed on a.csv: ")
    assert said in message


def test_the_line_of_a_problems_file_is_told():
    contract = tuple(column for column in creditcard.PROBLEM.contract if column.name != "Time")
    wrong = dataclasses.replace(creditcard.PROBLEM, contract=contract)
    with pytest.raises(
        PipelineError, match=r"^src/problems/creditcard\.py, line \d+: `prepare` failed on a\.csv: KeyErr"
    ):
        to_contract(creditcard_table().drop(columns="Time"), wrong, "a.csv")


def test_a_derived_column_without_prepare_is_told():
    assert "column double is derived, but the problem has no `prepare` to make it" in refusal(None)


def test_text_with_a_comma_for_decimals_is_read_before_prepare():
    given = as_arrow(table(amount=["1,5", "2", "3", "4"])).replace_schema_metadata({"decimal": ","})
    raw = to_contract(given, problem(doubled), "a.csv")
    assert raw["double"].to_pylist() == [3.0, 4.0, 6.0, 8.0]
    assert isinstance(raw, pa.Table)
