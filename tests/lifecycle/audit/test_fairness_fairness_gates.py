import numpy as np
import pytest

from lifecycle.audit.fairness import audit, check_fairness
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams
from tests.helpers_audit import people, scored, window

NONE = {"max_recall_difference": None, "max_false_positive_ratio": None, "max_calibration_ratio": None}


REST = {"min_positives": 30, "more_seeds": 2, "ageing_windows": 2, "samples": 50, "seed": 0}


def verdict(table, **changes):
    problem = people()
    found = audit(window(table, problem), table, problem.groups, (60, 1))
    try:
        check_fairness(found, AuditParams(**REST | NONE | changes))
    except PipelineError as error:
        return str(error)
    return None


def test_a_recall_that_differs_too_much_is_refused_by_group_figure_and_limit():
    table = scored(6_000, recall=(0.9, 0.5))
    said = verdict(table, max_recall_difference=0.2)
    high, low = (table[(table["place"] == p) & (table["label"] == 1)]["alert"].mean() for p in ("east", "west"))
    assert f"recall of place 'east' is {high:.4f}, of 'west' {low:.4f}: {high - low:.3f} apart" in said
    assert "audit.max_recall_difference = 0.2" in said
    assert verdict(table, max_recall_difference=0.6) is None


def test_limits_of_null_gate_nothing():
    assert verdict(scored(6_000, recall=(0.9, 0.1))) is None


def test_a_difference_within_noise_passes():
    table = scored(400, cards=60, recall=(0.9, 0.5))
    at = [table[(table["place"] == p) & (table["label"] == 1)]["alert"].mean() for p in ("east", "west")]
    assert abs(at[0] - at[1]) > 0.3
    assert verdict(table, max_recall_difference=0.3, min_positives=10) is None


def test_a_group_that_is_too_small_is_held_against_no_limit():
    table = scored(6_000)
    table.loc[table.index[table["label"] == 1][:29], ["place", "alert"]] = ["far", 0]
    assert verdict(table, max_recall_difference=0.3) is None
    assert "'far'" in verdict(table, max_recall_difference=0.3, min_positives=20)


def test_all_of_a_few_is_not_taken_for_certain():
    table = scored(6_000, recall=(0.7, 0.7))
    few = table.index[table["label"] == 1][:4]
    table.loc[few, ["place", "alert"]] = ["far", 1]
    assert verdict(table, max_recall_difference=0.1, min_positives=1) is None


def test_fair_models_pass_in_nearly_all_windows():
    refused = [verdict(scored(seed=seed), max_recall_difference=0.0) for seed in range(15)]
    assert sum(map(bool, refused)) <= 2


def test_false_alarms_that_fall_on_one_group_are_refused():
    table = scored(6_000)
    east = (table["place"] == "east") & (table["label"] == 0)
    table.loc[east, "alert"] = (np.random.default_rng(1).random(east.sum()) < 0.3).astype(np.int8)
    assert "false-positive rate of place 'east' is" in verdict(table, max_false_positive_ratio=2.0)
    assert verdict(table, max_false_positive_ratio=20.0) is None


@pytest.mark.parametrize("factor", [0.4, 2.2])
def test_probabilities_that_are_wrong_for_one_group_are_refused_either_way(factor):
    table = scored(6_000)
    observed = table.groupby("place")["label"].transform("mean")
    table["probability"] = np.where(table["place"] == "west", observed * factor, observed)
    said = verdict(table, max_calibration_ratio=1.5)
    assert "positives of place 'west' are" in said
    assert "'east'" not in said.replace("'east, ", "")
    assert verdict(table, max_calibration_ratio=4.0) is None
