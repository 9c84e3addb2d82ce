import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.comparison import SAME, Comparison, Difference
from lifecycle.evaluation.gates import check_baselines, check_defined, check_leak, is_not_worse
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_audit import people
from tests.helpers_targets import of_classes, of_numbers

TASK, CLASSES = task_of(people()), task_of(of_classes())


def test_a_figure_above_the_alarm_is_refused_with_what_to_look_for():
    with pytest.raises(PipelineError) as refusal:
        check_leak(TASK, 0.91, alarm=0.78)
    for part in (
        "leak alarm",
        "0.910",
        "evaluate.leak_alarm = 0.78",
        "sees the label or the future",
        "raise the limit",
    ):
        assert part in str(refusal.value)


@pytest.mark.parametrize(("figure", "alarm"), [(0.78, 0.78), (0.5, 0.78), (1.0, None)])
def test_a_figure_up_to_the_alarm_passes_and_so_does_any_without_one(figure, alarm):
    check_leak(TASK, figure, alarm)


def test_a_model_below_a_baseline_is_refused_with_the_baseline_and_the_way_around():
    with pytest.raises(PipelineError) as refusal:
        check_baselines(TASK, 0.5, {"logistic_regression": 0.6125, "amount": 0.1})
    message = str(refusal.value)
    assert "0.500 is worse than a baseline that must lose: logistic_regression (0.61" in message
    assert "dvc exp run -S evaluate.must_beat_baselines=false" in message
    assert "amount" not in message


def test_every_better_baseline_is_named():
    with pytest.raises(PipelineError, match=r"logistic_regression \(0\.600\), amount \(0\.700\)"):
        check_baselines(TASK, 0.5, {"logistic_regression": 0.6, "amount": 0.7})


@pytest.mark.parametrize("baselines", [{}, {"amount": 0.2}, {"amount": 0.5}])
def test_a_model_that_no_baseline_beats_passes(baselines):
    check_baselines(TASK, 0.5, baselines)


def compared(floor):
    return Comparison(100, 0, 0, {"recall": Difference(0.5, 0.5, 0.0, floor, -floor, 0.5, floor, SAME)})


@pytest.mark.parametrize(("margin", "passes"), [(0.02, False), (0.03, False), (0.04, True)])
def test_the_gate_does_not_let_through_what_may_be_worse_by_more_than_the_margin(margin, passes):
    assert is_not_worse(compared(-0.03), "recall", margin) is passes


def test_what_is_no_number_passes_no_gate():
    with pytest.raises(PipelineError, match="leak alarm"):
        check_leak(TASK, float("nan"), 0.9)
    with pytest.raises(PipelineError, match="worse than a baseline"):
        check_baselines(TASK, 0.5, {"amount": float("nan")})
    assert not is_not_worse(compared(float("nan")), "recall", 0.5)


def test_a_loss_is_too_good_below_the_alarm():
    with pytest.raises(PipelineError, match=r"log loss of 0\.010 is below evaluate\.leak_alarm = 0\.05"):
        check_leak(CLASSES, 0.01, alarm=0.05)
    check_leak(CLASSES, 0.05, alarm=0.05)
    with pytest.raises(PipelineError, match="leak alarm"):
        check_leak(CLASSES, float("nan"), alarm=0.05)


def test_a_loss_is_worse_when_it_is_higher():
    with pytest.raises(
        PipelineError, match=r"log loss of 0\.700 is worse than .*: logistic_regression \(0\.600\)\. An"
    ):
        check_baselines(CLASSES, 0.7, {"logistic_regression": 0.6, "prior": 1.0})
    check_baselines(CLASSES, 0.6, {"logistic_regression": 0.6, "prior": 1.0})


@pytest.mark.parametrize(("task", "figure", "words"), [
    (TASK, "roc_auc", "area under the ROC curve"), (task_of(of_numbers()), "r2", "r2")
])  # fmt: skip
def test_a_part_that_has_no_figure_is_refused_in_words(task, figure, words):
    check_defined(task, {figure: 0.5})
    with pytest.raises(PipelineError, match=rf"the test part has no {words}: .* the same target"):
        check_defined(task, {figure: float("nan"), "brier": 0.1})
