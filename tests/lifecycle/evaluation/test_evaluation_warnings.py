import pytest

from lifecycle.evaluation.evaluation_warnings import evaluation_warnings, lost_to_baselines, without_width
from lifecycle.evaluation.interval_decision import IntervalDecision
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem import Column, Problem, Raw
from lifecycle.problem.purpose import Words

WORDS = Words(record="patient", positive="illness")


def task(kind, **changes):
    label = Column("label", *(("number", "") if kind == "regression" else ("integer", "")))
    contract = (Column("dose", "number", ""), label)
    return task_of(Problem(contract, (Raw("dose"),), "label", task=kind, words=WORDS, **changes))


@pytest.mark.parametrize(
    ("kind", "value", "better", "worse", "family"),
    [
        ("binary", 0.5, 0.6, 0.4, "logistic_regression"),
        ("multiclass", 0.5, 0.4, 0.6, "logistic_regression"),
        ("regression", 0.5, 0.6, 0.4, "ridge"),
    ],
)
def test_a_model_that_loses_is_told_what_to_try(kind, value, better, worse, family):
    (said,) = lost_to_baselines(task(kind), value, {"linear": better, "simple": worse})
    assert said.startswith(
        f"the model loses to linear ({better:g}): its {task(kind).label(task(kind).headline)} is 0.5;"
    )
    assert f"try train.model={family}" in said
    assert "python src/mlops.py tune" in said
    assert "simple" not in said
    assert not lost_to_baselines(task(kind), value, {"linear": value, "simple": worse})


def test_an_interval_without_width_is_named_once_for_all_figures():
    assert not without_width({"recall": [0.1, 0.2], "interval_width": [3.0, 3.0]})
    assert without_width({"recall": [1.0, 1.0]})[0].startswith("the interval of recall has no width: ")
    (said,) = without_width({f"figure_{number}": [0.0, 0.0] for number in range(6)})
    assert said.startswith("the intervals of figure_0, figure_1, figure_2, figure_3 and 2 more have no width: ")


def figures(coverage, low, high):
    known = {"r2": 0.5, "coverage": coverage}
    return known, {"r2": [0.4, 0.6], "coverage": [low, high]}, {"mean": 0.0}, IntervalDecision(0.9, 1.0, None)


def test_intervals_that_hold_too_few_truths_are_told_only_beyond_noise():
    (said,) = evaluation_warnings(task("regression"), *figures(0.8, 0.75, 0.85))
    assert said.startswith("the intervals hold the truth of 0.8000 of the test patients (0.7500 to 0.8500), less than")
    assert "decide.coverage = 0.9" in said
    assert evaluation_warnings(task("regression"), *figures(0.85, 0.79, 0.91)) == []
    assert evaluation_warnings(task("regression"), *figures(0.95, 0.93, 0.97)) == []
