"""The limits on groups of people for several classes, and for a number; those of alerts stand in test_fairness.py."""

import re

import numpy as np
import pytest

from lifecycle.audit import fairness
from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_model import params
from tests.helpers_targets import BY_PROBABILITY, INTERVAL, classified, measured, of_classes, of_numbers, window_of

CLASSES, NUMBERS = of_classes(), of_numbers()
NONE = {f"audit__{name}": None for name in ("max_accuracy_difference", "max_error_ratio")}


def audited(table, problem, decision):
    window = window_of(table, problem, decision)
    return fairness.audit(task_of(problem), window, table, problem.groups, (60, 1))


def verdict(table, problem, **limits):
    """Return what the gate says of a table, None where it passes."""
    decision = BY_PROBABILITY if problem is CLASSES else INTERVAL
    options = params(**NONE | {f"audit__{key}": value for key, value in limits.items()}).audit
    try:
        fairness.check_fairness(task_of(problem), audited(table, problem, decision), options)
    except PipelineError as error:
        return str(error)
    return None


def unlike(rows=4_000, east=0.9, west=0.5, seed=0):
    """Return decisions that are right so often in the east and in the west."""
    table = classified(rows, 400, seed)
    right = np.random.default_rng(seed).random(rows) < np.where(table["place"] == "east", east, west)
    return table.assign(decided=np.where(right, table["label"], (table["label"] + 1) % 3).astype(np.int8))


def test_an_accuracy_that_differs_too_much_is_refused_by_group_figure_and_limit():
    table = unlike()
    said = verdict(table, CLASSES, max_accuracy_difference=0.3)
    at = {place: (rows["decided"] == rows["label"]).mean() for place, rows in table.groupby("place")}
    assert f"accuracy of place 'east' is {at['east']:.4f}, of 'west' {at['west']:.4f}" in said
    assert f"{at['east'] - at['west']:.3f} apart" in said
    assert "audit.max_accuracy_difference = 0.3" in said
    assert verdict(table, CLASSES, max_accuracy_difference=0.45) is None
    assert verdict(table, CLASSES) is None


def test_an_error_that_is_many_times_another_s_is_refused_whichever_is_larger():
    for noise, worse, better in (((3.0, 1.0), "east", "west"), ((1.0, 3.0), "west", "east")):
        table = measured(4_000, 400, noise=noise)
        at = {place: (rows["score"] - rows["label"]).abs().mean() for place, rows in table.groupby("place")}
        said = verdict(table, NUMBERS, max_error_ratio=2.0)
        assert f"mae of place '{worse}' is {at[worse]:.4f}, of '{better}' {at[better]:.4f}" in said
        assert f"{at[worse] / at[better]:.2f} times apart" in said
        assert verdict(table, NUMBERS, max_error_ratio=3.5) is None
        assert verdict(table, NUMBERS) is None


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_number_does_not_matter(unit):
    table = measured(4_000, 400, noise=(3.0, 1.0))
    for name in ("label", "score", "low", "high"):
        table[name] *= unit
    assert verdict(table, NUMBERS, max_error_ratio=2.0) is not None
    assert verdict(table, NUMBERS, max_error_ratio=3.5) is None


def test_what_noise_explains_passes_and_the_same_gap_of_more_records_does_not():
    few, many = unlike(200, 0.85, 0.65), unlike(8_000, 0.85, 0.65)
    assert verdict(few, CLASSES, max_accuracy_difference=0.1, min_positives=10) is None
    assert verdict(many, CLASSES, max_accuracy_difference=0.1) is not None
    few, many = (measured(rows, 400, noise=(1.4, 1.0)) for rows in (150, 8_000))
    assert verdict(few, NUMBERS, max_error_ratio=1.2, min_positives=10) is None
    assert verdict(many, NUMBERS, max_error_ratio=1.2) is not None


@pytest.mark.nightly
def test_fair_models_pass_in_nearly_all_windows():
    classes = [verdict(unlike(1_000, 0.7, 0.7, seed), CLASSES, max_accuracy_difference=0.0) for seed in range(15)]
    numbers = [verdict(measured(1_000, seed=seed), NUMBERS, max_error_ratio=1.0) for seed in range(15)]
    assert sum(map(bool, classes)) <= 2
    assert sum(map(bool, numbers)) <= 2


def test_records_are_counted_and_a_group_of_too_few_is_held_against_no_limit():
    table = measured(4_000, 400)
    far = table.index[:29]
    table.loc[far, "place"] = "far"
    table.loc[far, "score"] = table.loc[far, "label"] + 50
    assert verdict(table, NUMBERS, max_error_ratio=2.0, min_positives=30) is None
    assert "'far'" in verdict(table, NUMBERS, max_error_ratio=2.0, min_positives=29)


def test_a_group_without_any_error_is_told_in_numbers_that_can_be_read():
    table = measured(4_000, 400)
    table["score"] = table["score"].where(table["place"] == "west", table["label"])
    with np.errstate(all="raise"):
        said = verdict(table, NUMBERS, max_error_ratio=2.0)
    assert "of 'east' 0.0000" in said
    assert re.search(r": \d{6,8}\.\d\d times apart", said)  # a millionth of the whole's error at least
    perfect = table.assign(score=table["label"])
    assert verdict(perfect, NUMBERS, max_error_ratio=1.0) is None


def test_a_bias_to_either_side_has_a_difference_but_no_ratio():
    table = measured(4_000, 400)
    table["score"] += np.where(table["place"] == "east", -1.0, 1.0)
    between = fairness.between_groups(audited(table, NUMBERS, INTERVAL)["place"], 30)
    assert between["bias"]["difference"] == pytest.approx(2, abs=0.2)
    assert between["bias"]["ratio"] is None
    assert 0 < between["mae"]["ratio"] <= 1


@pytest.mark.parametrize(("problem", "figure"), [(CLASSES, "accuracy"), (NUMBERS, "mae")])
def test_groups_are_compared_by_the_figure_that_has_a_limit(problem, figure):
    assert fairness.compared(task_of(problem)) == figure
    table = unlike() if problem is CLASSES else measured(noise=(3.0, 1.0))
    found = audited(table, problem, BY_PROBABILITY if problem is CLASSES else INTERVAL)
    at = found["place"].table[figure]
    assert fairness.largest_difference(found, figure, 30) == pytest.approx(at.max() - at.min())
