from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.class_decision import ABSTAINS, ClassDecision
from lifecycle.evaluation.metrics import GROUPS, SLICES
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.multiclass_metrics import class_slugs
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_model import quick
from tests.helpers_targets import BY_COST, BY_PROBABILITY, COSTS, NAMES, classified, of_classes, window_of

TASK, CODES = task_of(of_classes()), [0, 1, 2]
UNSURE = ClassDecision([Calibration("none")] * 3, None, 0.5, {})


def scored(decision=BY_PROBABILITY, **made):
    return window_of(classified(decision=decision, **made), of_classes(), decision)


def expected(window, w):
    """Compute the figures of weighted rows with scikit-learn; a class without records and decisions counts nowhere."""
    truth, decided, weighted = window.target, window.decided, {"sample_weight": w}
    present = sorted(set(truth[w > 0]) | set(decided[w > 0]) - {ABSTAINS})
    averaged = {"labels": present, "average": "macro", "zero_division": 0, **weighted}
    by_class = sk.precision_recall_fscore_support(truth, decided, labels=CODES, zero_division=0, **weighted)[:3]
    names = [f"{figure}_{name}" for figure in ("precision", "recall", "f1") for name in NAMES]
    recalls = [value for code, value in zip(CODES, by_class[1], strict=True) if (w * (truth == code)).sum() > 0]
    return {
        "log_loss": sk.log_loss(truth, window.probability, labels=CODES, **weighted),
        "accuracy": sk.accuracy_score(truth, decided, **weighted),
        "macro_precision": sk.precision_score(truth, decided, **averaged),
        "macro_recall": np.mean(recalls),
        "macro_f1": sk.f1_score(truth, decided, **averaged),
        "brier": sk.brier_score_loss(truth, window.probability, labels=CODES, scale_by_half=False, **weighted),
        "abstain_rate": np.average(decided == ABSTAINS, weights=w),
        **dict(zip(names, np.concatenate(by_class), strict=True)),
    }


@pytest.mark.parametrize("decision", [BY_PROBABILITY, UNSURE, BY_COST], ids=["probable", "unsure", "cost"])
@given(seed=st.integers(0, 10_000), resampled=st.booleans())
@quick
def test_every_figure_agrees_with_scikit_learn_for_resampled_rows_too(decision, seed, resampled):
    window = scored(decision, rows=300, cards=30, seed=seed)
    copies = np.random.default_rng(seed).integers(0, 4, window.units) if resampled else None
    w = np.ones(300) if copies is None else copies[window.entity].astype(float)
    found, right = TASK.figures(window, copies), expected(window, w)
    if decision is BY_PROBABILITY:
        assert "abstain_rate" not in found
        right.pop("abstain_rate")
    assert {name: found[name] for name in right} == pytest.approx(right)


def test_the_macro_recall_is_the_balanced_accuracy():
    window = scored()
    found = TASK.figures(window)["macro_recall"]
    assert found == pytest.approx(sk.balanced_accuracy_score(window.target, window.decided))


def test_the_cost_is_that_of_the_matrix_record_by_record():
    window = scored(BY_COST)
    paid = [COSTS[truth][decided] for truth, decided in zip(window.target, window.decided, strict=True)]
    assert (window.decided == ABSTAINS).any()
    assert TASK.figures(window)["cost_per_record"] == pytest.approx(np.mean(paid))
    assert "cost_per_record" not in TASK.figures(scored())


def test_the_calibration_error_is_the_mean_over_classes_of_a_plain_loop():
    window, gaps = scored(), []
    copies = np.random.default_rng(1).integers(0, 4, window.units)
    w = copies[window.entity]
    for code in CODES:
        probability, truth = window.probability[:, code], window.target == code
        bins = np.minimum(np.floor(probability * 10), 9)
        gaps.append(sum(abs((w * (truth - probability))[bins == b].sum()) for b in range(10)) / w.sum())
    assert TASK.figures(window, copies)["calibration_error"] == pytest.approx(np.mean(gaps))


def test_what_is_never_decided_has_no_precision_but_0_while_somebody_is_of_it():
    window = scored()
    found = TASK.figures(replace(window, decided=np.zeros_like(window.decided)))
    assert (found["precision_gold"], found["recall_gold"], found["f1_gold"]) == (0, 0, 0)
    assert found["macro_precision"] == pytest.approx((window.target == 0).mean() / 3)


def test_where_all_is_left_to_a_person_nothing_is_right():
    window = scored(UNSURE)
    found = TASK.figures(replace(window, decided=np.full_like(window.decided, ABSTAINS)))
    assert found["abstain_rate"] == 1
    assert {found[name] for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1")} == {0}
    assert found["log_loss"] == TASK.figures(window)["log_loss"]


def test_a_class_that_a_resample_lacks_counts_in_no_mean_and_in_no_interval_of_its_own():
    window = scored(rows=400, cards=80)
    rare = replace(window, target=np.where(window.entity == 7, 2, window.target % 2))
    rare = replace(rare, decided=rare.target.astype(np.int8))
    without = np.ones(rare.units, int)
    without[7] = 0
    found = TASK.figures(rare, without)
    assert np.isnan([found["recall_gold"], found["precision_gold"], found["f1_gold"]]).all()
    assert found["macro_recall"] == found["macro_f1"] == 1
    ends = intervals(partial(TASK.figures, rare), rare.units, 60, seed=1)
    assert ends["recall_gold"] == [1, 1]  # 0 would stand for the third of the resamples that have none


def test_a_class_that_the_window_lacks_has_0_so_that_files_can_hold_it():
    window = scored()
    found = TASK.figures(replace(window, target=window.target % 2, decided=window.decided % 2))
    assert found["recall_gold"] == found["f1_gold"] == found["precision_gold"] == 0
    assert not np.isnan(list(found.values())).any()


@given(st.permutations(CODES), st.integers(0, 1_000))
@quick
def test_the_order_of_the_classes_does_not_matter(order, seed):
    window, place = scored(rows=200, seed=seed), np.argsort(order)
    other = replace(
        window,
        target=place[window.target],
        decided=place[window.decided].astype(np.int8),
        probability=window.probability[:, order],
    )
    one, two = TASK.figures(window), TASK.figures(other)
    for name in one:
        code = next((code for code in CODES if name.endswith(f"_{NAMES[code]}")), None)
        same = name if code is None else name.replace(NAMES[code], NAMES[place[code]])
        assert two[same] == pytest.approx(one[name]), name


def test_names_of_classes_become_parts_of_figures_or_their_codes_where_two_would_be_the_same():
    assert class_slugs(["A+", "B", "b!"]) == ["0", "1", "2"]
    assert class_slugs(["übrig", "?", "x"]) == ["0", "1", "2"]
    assert class_slugs(["late payer", "n/a", "3"]) == ["late_payer", "n_a", "3"]


def test_a_class_may_be_called_anything():
    names = ("{k}", "100 %", "a_at_5")
    task = task_of(of_classes(classes=names, contract=(*of_classes().contract[:2], label(names), *REST)))
    assert task.label("recall_k") == "recall of {k}"
    assert task.meaning("recall_a_at_5") == "share of the records of a_at_5 that are decided as it"
    assert task.direction("recall_a_at_5") == 1


REST = of_classes().contract[3:]


def label(names):
    return replace(of_classes().contract[2], isin=names)


def test_each_figure_has_a_meaning_and_a_direction():
    assert all(TASK.meaning(name) and TASK.label(name) for name in TASK.metrics)
    assert {name for name, one in TASK.metrics.items() if one.direction < 0} == {
        "log_loss", "brier", "calibration_error", "cost_per_record",
    }  # fmt: skip
    assert TASK.shown(GROUPS) == TASK.shown(SLICES) == ["log_loss", "accuracy", "macro_recall", "abstain_rate"]
