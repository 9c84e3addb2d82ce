import datetime as dt
import json

import pandas as pd
import pytest

from lifecycle.contract.row_validation import Verdict, check
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import as_arrow, write_table
from problems.transactions import PROBLEM
from tests.helpers_data import payments_table, with_cell
from tests.helpers_model import params, run_stages, write_params
from validate import QUARANTINE, find_faults, summarise

VALIDATED = "data/validated/records.parquet"


def faults(table, **changes):
    limits = params(**{f"validate__{key}": value for key, value in changes.items()}).validate_
    return find_faults(check(table, PROBLEM, limits.as_of), PROBLEM, limits)


def with_bad_rows(rows, bad):
    return payments_table(rows).assign(amount=[-1.0] * bad + [1.0] * (rows - bad))


def run(folder, table, **changes):
    write_params(folder, {f"validate.{key}": value for key, value in changes.items()})
    write_table(table, folder / "data/raw/records.parquet")
    run_stages(folder, "validate")


def test_sound_table_has_no_faults():
    assert faults(payments_table(), as_of=dt.date(2018, 4, 1)) == []


def test_share_of_bad_rows_may_reach_the_limit_but_not_pass_it():
    assert faults(with_bad_rows(100, 5), max_rejected_share=0.05) == []
    (fault,) = faults(with_bad_rows(100, 6), max_rejected_share=0.05)
    assert fault.startswith("6 of 100 rows break the contract, more than validate.max_rejected_share = 0.05 allows")
    assert QUARANTINE in fault
    assert fault.endswith("\n    6 x amount: below 0; the first is '-1.0' in row 0")


def test_table_without_a_good_row_is_a_fault_whatever_the_limit():
    (fault,) = faults(with_bad_rows(4, 4), max_rejected_share=1.0)
    assert fault.startswith("4 of 4 rows break the contract")


def test_share_of_rows_out_of_order_may_reach_the_limit_but_not_pass_it():
    table = payments_table(10).iloc[[1, 0, *range(2, 10)]]
    assert faults(table, max_out_of_order_share=0.1) == []
    (fault,) = faults(table, max_out_of_order_share=0.09)
    assert "1 of 10 rows are earlier than a row before them" in fault
    assert "validate.max_out_of_order_share = 0.09" in fault
    assert "sort the source by tx_time, or set validate.sort: true" in fault
    assert faults(table, max_out_of_order_share=0.09, sort=True) == []
    assert check(table, PROBLEM, None).kept["transaction_id"].is_monotonic_increasing


@pytest.mark.parametrize("label", [0, 1])
def test_table_of_one_label_is_a_fault(label):
    assert faults(payments_table().assign(is_fraud=label)) == [
        f"column is_fraud: every row has the label {label}; nothing can be learned"
    ]


def test_newest_record_may_reach_the_age_limit_but_not_pass_it():
    newest = payments_table()["tx_time"].max()  # 2018-04-01 05:00
    age = (pd.Timestamp("2018-04-04") - newest) / pd.Timedelta(days=1)
    assert faults(payments_table(), as_of="2018-04-03", max_age_days=age) == []
    assert faults(payments_table(), as_of="2018-04-03", max_age_days=2.5) == [
        "the newest record is 2.8 days old at the end of 2018-04-03, more than validate.max_age_days = 2.5"
    ]


def test_age_is_not_looked_at_without_a_date():
    assert faults(payments_table(), as_of=None, max_age_days=1.0e-6) == []


def test_every_fault_of_the_table_is_told_at_once():
    table = with_bad_rows(9, 2).assign(is_fraud=0, fraud_scenario=0).iloc[::-1]
    assert len(faults(table, as_of="2018-05-01")) == 4


def test_figures_count_what_came_and_what_stayed():
    table = with_cell(with_bad_rows(8, 1).iloc[[0, 2, 1, 3, 4, 5, 6, 7]], 4, "amount", None)
    figures = summarise(check(table, PROBLEM, None), PROBLEM)
    assert figures["data"] == {
        "rows_in": 8,
        "rows_kept": 6,
        "rows_rejected": 2,
        "rows_out_of_order": 1,
        "positives": 4,
        "first": "2018-04-01T01:00:00",
        "last": "2018-04-01T07:00:00",
    }
    assert figures["failed_checks"] == {"amount: below 0": 1, "amount: missing": 1}


def test_figures_of_an_empty_table_have_no_dates():
    empty = payments_table(0)
    figures = summarise(Verdict(empty, as_arrow(empty), {}, 0, {}), PROBLEM)["data"]
    assert (figures["rows_in"], figures["first"], figures["last"]) == (0, None, None)


def test_stage_keeps_good_rows_and_quarantines_bad_ones_with_their_reasons(tmp_path):
    run(tmp_path, with_bad_rows(8, 1), max_rejected_share=0.2)
    assert pd.read_parquet(tmp_path / VALIDATED)["transaction_id"].tolist() == list(range(1, 8))
    rejected = pd.read_parquet(tmp_path / QUARANTINE)
    assert rejected[["transaction_id", "source_row", "reason"]].to_numpy().tolist() == [[0, 0, "amount: below 0"]]
    assert json.loads((tmp_path / "metrics/validate/data_quality.json").read_text())["data"]["rows_in"] == 8


def test_refused_table_leaves_the_evidence_and_no_records(tmp_path):
    with pytest.raises(PipelineError, match=r"^validate:\n  2 of 8 rows break the contract"):
        run(tmp_path, with_bad_rows(8, 2))
    assert not (tmp_path / VALIDATED).exists()
    assert len(pd.read_parquet(tmp_path / QUARANTINE)) == 2
    assert (tmp_path / "metrics/validate/data_quality.json").is_file()


def test_record_after_the_last_day_is_refused_by_the_stage(tmp_path):
    run(tmp_path, payments_table(48), as_of="2018-04-01", max_rejected_share=0.5)
    assert len(pd.read_parquet(tmp_path / VALIDATED)) == 24
    assert set(pd.read_parquet(tmp_path / QUARANTINE)["reason"]) == {"tx_time: after 2018-04-01"}


def test_stage_writes_the_same_bytes_each_time(tmp_path):
    written = []
    for _ in range(2):
        run(tmp_path, with_bad_rows(50, 1), max_rejected_share=0.1)
        written.append(
            [(tmp_path / name).read_bytes() for name in (VALIDATED, QUARANTINE, "metrics/validate/data_quality.json")]
        )
    assert written[0] == written[1]
