import datetime as dt
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.contract.row_validation import check
from lifecycle.core.tables import as_arrow
from lifecycle.core.value_limits import FLOAT32
from lifecycle.problem.column_types import DECIMAL
from lifecycle.problem.problem import Column
from lifecycle.sources.files import read_file
from problems import creditcard
from problems.transactions import PROBLEM
from tests.helpers_data import creditcard_table, payments_table, small_problem, small_table, with_cell
from tests.helpers_model import quick

BAD_CELLS = [
    ("transaction_id", None, "missing"),
    ("transaction_id", "first", "not of type integer"),
    ("transaction_id", 0, "duplicate"),
    ("tx_time", None, "missing"),
    ("tx_time", "soon", "not of type timestamp"),
    ("tx_time", "1999-12-31 23:59:59", "below 2000-01-01"),
    ("tx_time", "2018-05-02", "after 2018-05-01"),
    ("customer_id", -1, "below 0"),
    ("customer_id", 1.5, "not of type integer"),
    ("customer_id", 2**63, "not of type integer"),
    ("customer_id", -(10**30), "not of type integer"),
    ("customer_id", math.nan, "missing"),
    ("amount", "", "missing"),
    ("amount", "#N/A", "not of type number"),
    ("amount", "1,50", "not of type number"),
    ("amount", -0.01, "below 0"),
    ("amount", 1_000_000.01, "above 1000000"),
    ("amount", math.inf, "not of type number"),
    ("amount", "-inf", "not of type number"),
    ("is_fraud", 2, "not one of (0, 1)"),
    ("is_fraud", 256, "not one of (0, 1)"),  # 0 in eight bits
    ("is_fraud", 0.5, "not of type integer"),
    ("is_fraud", "maybe", "not of type integer"),
    ("fraud_scenario", -1, "not one of (0, 1, 2, 3)"),
]
LAST_DAY = dt.date(2018, 5, 1)


def reasons(verdict):
    return dict(zip(rejected(verdict, "source_row"), rejected(verdict, "reason"), strict=True))


def rejected(verdict, column):
    return verdict.rejected[column].to_pylist()


def test_good_rows_are_kept_typed_and_nothing_is_reported():
    verdict = check(payments_table(), PROBLEM, LAST_DAY)
    types = {"is_fraud": "int8", "fraud_scenario": "int8", "region": "int8"}
    pd.testing.assert_frame_equal(verdict.kept, payments_table().astype(types))
    assert (len(verdict.rejected), verdict.failed, verdict.out_of_order) == (0, {}, 0)
    types = [verdict.rejected.schema.field(name).type for name in ("source_row", "reason")]
    assert types == [pa.int64(), pa.string()]


@pytest.mark.parametrize(("column", "value", "reason"), BAD_CELLS)
@pytest.mark.parametrize("as_text", [False, True], ids=["typed", "text"])
def test_bad_cell_sends_its_row_and_no_other_to_quarantine(column, value, reason, as_text):
    raw = with_cell(payments_table(), 4, column, value)
    raw = raw.map(str, na_action="ignore") if as_text else raw
    verdict = check(raw, PROBLEM, LAST_DAY)
    assert reasons(verdict) == {4: f"{column}: {reason}"}
    assert verdict.failed == {f"{column}: {reason}": 1}
    assert verdict.kept["transaction_id"].tolist() == [0, 1, 2, 3, 5]
    shown = [value[4] for value in as_arrow(raw).to_pydict().values()]  # as the source had it
    assert str([rejected(verdict, name)[0] for name in raw]) == str(shown)


def test_every_fault_of_a_row_is_named_in_column_order():
    raw = with_cell(with_cell(payments_table(), 1, "is_fraud", 9), 1, "customer_id", -5)
    verdict = check(with_cell(raw, 3, "customer_id", -6), PROBLEM, None)
    assert reasons(verdict) == {1: "customer_id: below 0; is_fraud: not one of (0, 1)", 3: "customer_id: below 0"}
    assert verdict.failed == {"customer_id: below 0": 2, "is_fraud: not one of (0, 1)": 1}


def test_first_of_several_equal_keys_is_kept():
    verdict = check(payments_table().assign(transaction_id=[0, 1, 1, 3, 1, 0]), PROBLEM, None)
    assert reasons(verdict) == dict.fromkeys((2, 4, 5), "transaction_id: duplicate")


def test_records_that_agree_in_all_distinct_columns_are_duplicates():
    problem = small_problem(Column("amount", "number", ""), distinct=("time", "amount"))
    table = small_table(4, amount=[1.0, 1.0, 2.0, 1.0]).assign(time=pd.Timestamp("2018-01-01"))
    assert reasons(check(table, problem, None)) == {1: "duplicate record", 3: "duplicate record"}


def test_missing_values_of_a_nullable_unique_column_are_no_duplicates():
    problem = small_problem(Column("code", "text", "", nullable=True, unique=True))
    assert reasons(check(small_table(4, code=["a", None, None, "a"]), problem, None)) == {3: "code: duplicate"}


def test_nullable_integers_are_never_rounded():
    problem = small_problem(Column("n", "integer", "", nullable=True))
    verdict = check(small_table(3, n=pd.array([2**53 + 1, 5, None], dtype="Int64")), problem, None)
    assert 2**53 not in verdict.kept["n"].tolist()
    assert verdict.kept["n"].dropna().tolist() in ([2**53 + 1, 5], [5])


@pytest.mark.parametrize(("as_of", "kept"), [(dt.date(2018, 3, 31), 0), (dt.date(2018, 4, 1), 24), (None, 30)])
def test_last_day_counts_whole(as_of, kept):
    verdict = check(payments_table(30), PROBLEM, as_of)
    assert len(verdict.kept) == kept
    assert verdict.failed == ({f"tx_time: after {as_of}": 30 - kept} if as_of else {})


def test_rows_out_of_order_are_sorted_by_time_then_key_and_counted():
    order = [3, 0, 1, 5, 4, 2]
    verdict = check(payments_table().iloc[order], PROBLEM, None)
    assert verdict.kept["transaction_id"].tolist() == list(range(6))
    assert verdict.kept.index.tolist() == list(range(6))
    assert verdict.out_of_order == 4  # 0, 1, 4 and 2 stand behind a later one
    tied = payments_table().assign(tx_time=pd.Timestamp("2018-04-01")).iloc[::-1]
    assert check(tied, PROBLEM, None).kept["transaction_id"].tolist() == list(range(6))
    assert check(tied, PROBLEM, None).out_of_order == 0


def test_rejected_row_does_not_put_others_out_of_order():
    raw = with_cell(with_cell(payments_table(), 0, "tx_time", "2030-01-01"), 0, "amount", -1)
    assert check(raw, PROBLEM, None).out_of_order == 0


def test_quarantine_counts_rows_from_the_top_whatever_the_index():
    raw = with_cell(payments_table(), 4, "amount", -1).set_index(pd.Index([7, 7, 7, 1, 1, 1]))
    assert reasons(check(raw, PROBLEM, None)) == {4: "amount: below 0"}


cells = st.tuples(st.integers(0, 7), st.sampled_from(list(PROBLEM.columns)[1:]))
junk = st.text(max_size=6) | st.integers().map(str) | st.floats().map(str) | st.none()


@quick
@given(st.dictionaries(cells, junk, max_size=12), st.permutations(range(8)))
def test_no_row_is_lost_and_no_sound_row_is_rejected(corruptions, order):
    raw = payments_table(8).astype(str).astype(object)
    for (row, column), value in corruptions.items():
        raw.loc[row, column] = value
    verdict = check(raw.iloc[order], PROBLEM, None)
    bad = [int(key) for key in rejected(verdict, "transaction_id")]
    assert sorted(verdict.kept["transaction_id"].tolist() + bad) == list(range(8))
    assert set(bad) <= {row for row, _ in corruptions}
    assert [order[i] for i in rejected(verdict, "source_row")] == bad
    assert all(": " in reason for reason in rejected(verdict, "reason"))
    assert verdict.examples.keys() == verdict.failed.keys()
    assert verdict.kept["amount"].between(0, 1_000_000).all()
    assert verdict.kept["is_fraud"].isin([0, 1]).all()
    assert verdict.kept["tx_time"].is_monotonic_increasing


def test_creditcard_file_passes_from_the_reader_to_the_verdict(tmp_path):
    table = creditcard_table(8)
    table.iloc[5] = table.iloc[2]
    with_cell(with_cell(table, 6, "Class", 2), 7, "V3", "?").to_csv(tmp_path / "creditcard.csv", index=False)
    verdict = check(read_file(tmp_path / "creditcard.csv", creditcard.PROBLEM), creditcard.PROBLEM, None)
    assert reasons(verdict) == {5: "duplicate record", 6: "Class: not one of (0, 1)", 7: "V3: not of type number"}
    np.testing.assert_array_equal(verdict.kept[list(table)], table.iloc[:5])
    assert verdict.kept["record_id"].tolist() == [0, 1, 2, 3, 4]


def test_more_decimals_than_the_contract_allows_are_rejected_and_float_noise_is_not():
    problem = small_problem(Column("euro", "number", "", decimals=2))
    verdict = check(small_table(5, euro=[0.1 + 0.2, 1.25, 0.005, 1_000_000.25, 1_000_000.125]), problem, None)
    assert verdict.failed == {"euro: more than 2 decimals": 2}
    assert rejected(verdict, "euro") == [0.005, 1_000_000.125]


def test_whole_numbers_with_decimals_of_zero_may_be_large():
    problem = small_problem(Column("units", "integer", "", decimals=0))
    assert check(small_table(2, units=[2**61, 3]), problem, None).failed == {}


@pytest.mark.parametrize("limit", ["2018-01-02T00:00:00+00:00", "2018-01-02T02:00:00+02:00", "2018-01-02T00:00:00Z"])
def test_a_limit_may_have_a_zone(limit):
    problem = small_problem(Column("opened", "timestamp", "", ge=limit))
    opened = pd.to_datetime(["2018-01-01 23:59:59", "2018-01-02 00:00:00"])
    assert check(small_table(2, opened=opened), problem, None).failed == {f"opened: below {limit}": 1}


@pytest.mark.parametrize(("as_text", "decimals"), [("83426819870.93", 2), ("0.30000000000000004", 1), ("7", 0)])
def test_what_a_float_can_only_come_near_has_the_decimals_it_was_written_with(as_text, decimals):
    problem = small_problem(Column("euro", "number", "", decimals=decimals))
    assert check(small_table(1, euro=[float(as_text)]), problem, None).failed == {}


@pytest.mark.parametrize("value", [1.251, 1.2501, 1.250001, -0.001, 5_000_000.001, 2.0**53 / 100 + 4])
def test_a_decimal_too_many_is_seen_however_small_and_a_number_too_large_to_have_any(value):
    problem = small_problem(Column("euro", "number", "", decimals=2))
    assert check(small_table(1, euro=[value]), problem, None).failed == {"euro: more than 2 decimals": 1}


def test_the_largest_number_of_trees_is_kept_and_the_next_is_not():
    problem = small_problem(Column("n", "number", ""))
    verdict = check(small_table(4, n=[FLOAT32, -FLOAT32, np.nextafter(FLOAT32, np.inf), -1e39]), problem, None)
    assert verdict.kept["n"].tolist() == [FLOAT32, -FLOAT32]
    assert verdict.failed == {"n: not between -3.403e+38 and 3.403e+38": 2}


def test_text_with_what_is_no_character_is_rejected():
    verdict = check(small_table(4, name=["a", "b\0", "\uffff", "[]"]), small_problem(Column("name", "text", "")), None)
    assert verdict.kept["name"].tolist() == ["a", "[]"]
    assert verdict.failed == {"name: holds what is no character": 2}


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("timestamp", pa.array([0, 2**45, None], pa.timestamp("s")), "<value out of range: 35184372088832>"),
        ("text", pa.array([["x"], ["y", "z"], None]), "['y', 'z']"),
        ("text", pa.array([b"x", b"y", None]), "b'y'"),
    ],
)
def test_what_parquet_cannot_show_is_shown_as_text_and_what_is_missing_as_missing(kind, values, shown):
    table = pa.Table.from_pandas(small_table(3), preserve_index=False).append_column("x", values)
    verdict = check(table, small_problem(Column("x", kind, "")), None)
    assert rejected(verdict, "x")[-2:] == [shown, None]
    assert verdict.rejected.schema.field("x").type == pa.string()
    assert verdict.examples["x: missing"] == "the first in row 2"


@pytest.mark.parametrize("column", [pa.array([1, 2]), pa.array([True, None]), pa.array([1.5, 2]), pa.array(["a", "b"])])
def test_rejected_values_of_a_plain_type_keep_it(column):
    table = pa.Table.from_pandas(small_table(2), preserve_index=False).append_column("x", column)
    problem = small_problem(Column("x", "timestamp", ""))
    assert check(table, problem, None).rejected["x"].type == column.type
    dictionary = table.set_column(table.num_columns - 1, "x", column.dictionary_encode())
    assert pa.types.is_dictionary(check(dictionary, problem, None).rejected["x"].type)


def test_a_decimal_comma_is_read_where_the_table_says_so():
    problem, table = small_problem(Column("euro", "number", "")), as_arrow(small_table(2, euro=["1,5", "2,25"]))
    assert check(table, problem, None).failed == {"euro: not of type number": 2}
    said = table.replace_schema_metadata({DECIMAL: b","})
    assert check(said, problem, None).kept["euro"].tolist() == [1.5, 2.25]


def test_whole_numbers_are_kept_up_to_the_last_that_a_float_has_no_neighbour_for():
    problem = small_problem(Column("units", "number", "", decimals=0))
    verdict = check(small_table(3, units=[2.0**53, -(2.0**53), 2.0**53 + 2]), problem, None)
    assert verdict.kept["units"].tolist() == [2.0**53, -(2.0**53)]


def test_a_column_of_nothing_but_missing_lists_is_text_too():
    table = as_arrow(small_table(2)).append_column("x", pa.array([None, None], pa.list_(pa.int64())))
    verdict = check(table, small_problem(Column("x", "text", "")), None)
    assert verdict.rejected.schema.field("x").type == pa.string()
    assert verdict.failed == {"x: missing": 2}


def test_failed_checks_stand_as_they_first_occur_and_those_of_a_row_in_column_order():
    problem = small_problem(Column("a", "number", "", ge=0), Column("b", "number", "", ge=0))
    rows = np.arange(300)
    verdict = check(small_table(300, a=np.where(rows < 200, -1.0, 1.0), b=np.where(rows > 0, -1.0, 1.0)), problem, None)
    assert list(verdict.failed.items()) == [("a: below 0", 200), ("b: below 0", 299)]
    both = [reason for reason in rejected(verdict, "reason") if ";" in reason]
    assert both == ["a: below 0; b: below 0"] * 199
    assert rejected(verdict, "source_row") == rows.tolist()


def test_a_label_is_kept_as_the_code_of_its_class():
    plain = (Column("id", "integer", "", unique=True), Column("time", "timestamp", ""))
    label = Column("label", "text", "", isin=("no", "yes"))
    yes_or_no = small_problem(contract=(*plain, label), positive="yes")
    table = small_table(3).assign(label=["yes", "no", "yes"])
    assert check(table, yes_or_no, None).kept["label"].tolist() == [1, 0, 1]
    columns = (*plain, Column("label", "text", ""), Column("note", "text", ""))
    several = small_problem(contract=columns, task="multiclass", classes=("x", "y", "z"))
    verdict = check(small_table(4).assign(label=["z", "x", "y", "w"], note="none of them"), several, None)
    assert verdict.kept["label"].tolist() == [2, 0, 1]
    assert verdict.failed == {"label: not one of ('x', 'y', 'z')": 1}
