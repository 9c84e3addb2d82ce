import re
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from lifecycle.core.ranking import EntityRanking
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.metrics import GROUPS, SLICES
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.binary_metrics import BINARY, BinaryWindow
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.loading import load_problem
from lifecycle.problem.purpose import Words
from tests.helpers_data import small_problem
from tests.helpers_model import ranked

TASK = task_of(small_problem())

FALSE_ALERT, TOP_K, DAYS, CARDS = 5.0, 6, 7, 40
BIASED = {"calibration_error"}  # an absolute value: noise can only add to it


def scored(rows=600, cards=CARDS, days=DAYS):
    target, score, _ = ranked(rows)
    rng = np.random.default_rng(9)
    probability = np.clip(score**2, 0, 1)
    return BinaryWindow(
        target=target,
        score=score,
        probability=probability,
        alert=probability >= 0.3,
        rule=rng.random(rows) < 0.2,
        stake=rng.integers(1, 300, rows) / 4,
        day=np.sort(rng.integers(0, 7, rows)),
        entity=None if cards is None else rng.permutation(np.arange(rows) % cards),
        decision=AlertDecision(Calibration("none"), 0.3, FALSE_ALERT, "amount", None, {}),
        days=days,
        top_k=TOP_K,
    )


def take(window, rows):
    columns = {field.name: getattr(window, field.name) for field in fields(window) if field.init}
    return replace(window, **{name: value[rows] for name, value in columns.items() if isinstance(value, np.ndarray)})


def ends(window, samples, seed):
    return intervals(partial(TASK.figures, window), window.units, samples, seed)


def expected(window, w):
    """Compute the figures of weighted rows with scikit-learn and plain sums."""
    fraud, alert, weighted = window.target == 1, window.alert, {"sample_weight": w}

    def cost(decision):
        return (w * np.where(fraud, ~decision * window.stake, decision * FALSE_ALERT)).sum()

    return {
        "average_precision": sk.average_precision_score(fraud, window.score, **weighted),
        "roc_auc": sk.roc_auc_score(fraud, window.score, **weighted),
        "recall": sk.recall_score(fraud, alert, **weighted),
        "precision": sk.precision_score(fraud, alert, **weighted),
        "f1": sk.f1_score(fraud, alert, **weighted),
        "accuracy": sk.accuracy_score(fraud, alert, **weighted),
        "brier": sk.brier_score_loss(fraud, window.probability, **weighted),
        "cost_per_record": cost(alert) / w.sum(),
        "saved_share_vs_no_model": 1 - cost(alert) / cost(np.zeros_like(alert)),
        "saved_share_vs_rule": 1 - cost(alert) / cost(window.rule),
        "alerts_per_day": (w * alert).sum() / 7,
    }


@pytest.mark.parametrize("cards", [CARDS, None])
def test_every_figure_agrees_with_scikit_learn_for_resampled_rows_too(cards):
    window = scored(cards=cards)
    copies = np.random.default_rng(1).integers(0, 4, cards or len(window.target))
    for given, w in ((None, np.ones(len(window.target))), (copies, copies if cards is None else copies[window.entity])):
        found = TASK.figures(window, given)
        assert {name: found[name] for name in expected(window, w)} == pytest.approx(expected(window, w))


def test_one_copy_of_each_card_is_the_window_itself():
    assert TASK.figures(scored(), np.ones(CARDS, int)) == pytest.approx(TASK.figures(scored()))


def test_a_doubled_card_counts_like_its_rows_twice():
    window, copies = scored(), np.ones(CARDS, int)
    copies[3] = 2
    found = TASK.figures(window, copies)
    repeated = TASK.figures(take(window, np.append(np.arange(600), np.flatnonzero(window.entity == 3))))
    top = f"entity_precision_at_{TOP_K}"
    assert found | {top: 0} == pytest.approx(repeated | {top: 0})
    ranking = EntityRanking(window.day, window.entity, window.target, window.score)
    assert found[top] == ranking.precision_at(TOP_K, copies)


def test_a_window_without_cards_has_no_card_precision():
    assert f"entity_precision_at_{TOP_K}" in TASK.figures(scored())
    assert not any(name.startswith("entity") for name in TASK.figures(scored(cards=None)))


def test_what_was_never_alerted_has_figures_of_zero():
    quiet = TASK.figures(replace(scored(), alert=np.zeros(600, bool)))
    assert (quiet["precision"], quiet["recall"], quiet["f1"], quiet["saved_share_vs_no_model"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("saved_share_vs_no_model", {"stake": np.zeros(600)}),
        ("saved_share_vs_rule", {"rule": scored().target == 1}),
    ],
    ids=["frauds_cost_nothing", "the_rule_is_perfect"],
)
def test_where_nothing_could_be_saved_false_alerts_are_no_saving(name, change):
    found = TASK.figures(replace(scored(), **change))
    assert found["cost_per_record"] > 0
    assert not found[name] > 0


@pytest.mark.parametrize("cards", [CARDS, None])
def test_an_interval_covers_its_figure_and_the_seed_decides_it(cards):
    window = scored(cards=cards)
    point = TASK.figures(window)
    first, again, other = (ends(window, 60, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first.keys() == point.keys()
    assert all(first[name][0] <= point[name] <= first[name][1] for name in point.keys() - BIASED)


def test_more_cards_give_narrower_intervals():
    wide, narrow = (ends(scored(rows), 100, seed=1)["roc_auc"] for rows in (300, 4_800))
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 2


def test_rows_of_a_card_stay_together_in_a_resample():
    window = scored(cards=3)
    resampled = ends(window, 50, seed=1)["alerts_per_day"]
    per_card = [window.alert[window.entity == card].sum() for card in range(3)]
    assert resampled == pytest.approx([3 * min(per_card) / 7, 3 * max(per_card) / 7], rel=0.1)


def test_a_figure_that_no_resample_has_is_left_out():
    found = ends(replace(scored(), target=np.zeros(600, int)), 50, seed=1)
    assert "roc_auc" not in found
    assert "brier" in found


def test_without_a_rule_nothing_is_compared_with_it():
    assert "saved_share_vs_rule" not in TASK.figures(replace(scored(), rule=None))


def test_alerts_per_day_are_of_the_windows_length_not_of_the_dates_that_occur():
    window = scored()
    of_a_day, of_six_hours = (TASK.figures(scored(days=days))["alerts_per_day"] for days in (1, 0.25))
    assert (of_a_day, of_six_hours) == (window.alert.sum(), window.alert.sum() * 4)


PEOPLE = Words(record="patient", positive="illness", negative="healthy", entity="clinic")
PAYMENTS = load_problem("transactions").words


def in_words_of(words):
    return task_of(small_problem(words=words))


@pytest.mark.parametrize("words", [PEOPLE, PAYMENTS, Words()])
def test_every_metric_has_a_meaning_and_a_label_in_the_problem_s_words(words):
    task = in_words_of(words)
    for name in (metric.name.format(k=20) for metric in BINARY):
        for text in (task.meaning(name), task.label(name)):
            assert text
            assert not re.search(r"[{}_]", text)


def test_the_words_are_those_of_the_problem():
    assert in_words_of(PAYMENTS).meaning("roc_auc") == "chance that a fraud scores higher than a genuine record"
    assert in_words_of(PEOPLE).meaning("roc_auc") == "chance that an illness scores higher than a healthy record"
    assert in_words_of(PAYMENTS).label("entity_precision_at_100") == "card precision@100"
    assert in_words_of(PEOPLE).label("entity_precision_at_20") == "clinic precision@20"


def test_a_metric_that_this_version_does_not_know_has_no_meaning_and_is_better_when_it_is_higher():
    assert (TASK.meaning("something_new"), TASK.label("something_new")) == ("", "something new")
    assert TASK.direction("something_new") == 1


@pytest.mark.parametrize(
    ("name", "good"), [("recall", 1), ("brier", -1), ("alerts_per_day", 0), ("entity_precision_at_100", 1)]
)
def test_a_metric_knows_which_way_is_better(name, good):
    assert TASK.direction(name) == good


def test_what_is_neither_better_nor_worse_is_shown_last():
    assert TASK.shown(GROUPS) == ["recall", "false_positive_rate", "selection_rate"]
    assert TASK.shown(SLICES) == ["average_precision", "recall", "precision", "cost_per_record"]
