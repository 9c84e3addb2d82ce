import numpy as np
import pytest

from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window


def over(aggregate, days_of_records, flags=None, card=None, days=10.0, **changes):
    """Evaluate one window over records of flags at some days."""
    rows = len(days_of_records)
    table = {
        "time": np.array(days_of_records) * DAY_US,
        "card": np.zeros(rows, np.int64) if card is None else np.array(card),
        "flag": np.ones(rows, np.int64) if flags is None else np.array(flags),
    }
    of = None if aggregate == "since" else "flag"
    window = Window("w", aggregate, by="card", of=of, days=(days,), **changes)
    return evaluate_windows([window], table, table["time"], {})[window.names[0]].tolist()


def test_the_first_record_comes_a_windows_length_after_nothing():
    assert over("since", [0, 3, 3, 20], current=False) == [10.0, 3.0, 0.0, 10.0]
    assert over("since", [0, 3, 3, 20], current=False, empty=-1) == [-1.0, 3.0, 0.0, -1.0]


def test_since_counts_from_the_record_not_from_the_delay_and_is_never_more_than_both():
    assert over("since", [0, 3, 7], delay_days=2) == [12.0, 3.0, 4.0]


def test_since_a_condition_was_last_met_counts_from_there():
    alarm = (Where("flag", "==", 1),)
    assert over("since", [0, 1, 2, 3], [0, 1, 0, 0], where=alarm) == [10.0, 0.0, 1.0, 2.0]


def test_a_run_is_broken_by_a_zero():
    assert over("run_length", range(6), [1, 1, 0, 1, 1, 1]) == [1, 2, 0, 1, 2, 3]
    assert over("run_days", range(6), [1, 1, 0, 1, 1, 1]) == [0.0, 1.0, 0.0, 0.0, 1.0, 2.0]


def test_a_run_ends_where_the_window_ends():
    assert over("run_length", range(5), days=3) == [1, 2, 3, 3, 3]
    assert over("run_days", range(5), days=3) == [0.0, 1.0, 2.0, 2.0, 2.0]


def test_a_run_of_late_labels_is_as_old_as_its_first_record():
    assert over("run_length", [0, 1, 5, 6], [1, 1, 0, 0], delay_days=4) == [0, 0, 2, 2]
    assert over("run_days", [0, 1, 5, 6], [1, 1, 0, 0], delay_days=4) == [0.0, 0.0, 5.0, 6.0]


def test_a_record_that_is_not_covered_neither_breaks_a_run_nor_adds_to_it():
    weekly = (Where("flag", "!=", 0),)
    assert over("run_length", range(4), [1, 0, 1, 1], where=weekly) == [1, 1, 2, 3]
    assert over("run_days", range(4), [0, 1, 0, 1], where=weekly) == [0.0, 0.0, 1.0, 2.0]


@pytest.mark.parametrize(("aggregate", "first"), [("run_length", 1), ("run_days", 0.0), ("since", 10.0)])
def test_another_entitys_records_do_not_count(aggregate, first):
    found = over(aggregate, [0, 0, 1, 1], card=[0, 1, 0, 1], current=aggregate != "since")
    assert found[0] == found[1] == first
    assert found[2] == found[3] != first


def test_where_there_is_no_run_its_days_can_be_chosen_but_its_length_is_0():
    assert over("run_days", range(3), [0, 1, 0], empty=-1) == [-1.0, 0.0, -1.0]
    assert over("run_length", range(3), [0, 1, 0], empty=-1) == [0, 1, 0]
