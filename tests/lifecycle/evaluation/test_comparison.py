import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.comparison import BETTER, SAME, WORSE, Chance, compare, unpaired, unpaired_difference
from lifecycle.evaluation.gates import is_not_worse
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_audit import people, scored, window
from tests.helpers_targets import (
    BY_COST,
    BY_PROBABILITY,
    INTERVAL,
    classified,
    measured,
    of_classes,
    of_numbers,
    window_of,
)  # fmt: skip

TASK = task_of(people())
STILL = Chance({}, samples=200)


def figures_of(table):
    return partial(TASK.figures, window(table))


def compared(base, other, chance=STILL):
    return compare(base, other, TASK, figures_of, chance)


def shifted(table, by, seed=1):
    """Return the table with the scores of frauds moved, and a little noise on all."""
    noise = 0.02 * np.random.default_rng(seed).normal(size=len(table))
    score = table["score"] + by * table["label"] + noise
    return table.assign(score=score, alert=(score >= 0.5).astype(np.int8))


@pytest.mark.parametrize(("by", "verdict"), [(0.2, BETTER), (-0.2, WORSE)])
def test_a_model_that_ranks_frauds_higher_is_better_and_costs_less(by, verdict):
    found = compared(scored(), shifted(scored(), by)).figures
    assert {found[name].verdict for name in ("average_precision", "recall", "cost_per_record")} == {verdict}
    assert (found["cost_per_record"].value < 0) == (by > 0)
    assert found["alerts_per_day"].verdict == SAME  # more alerts are no merit


def test_a_model_is_no_better_than_itself():
    found = compared(scored(), scored())
    assert {one.verdict for one in found.figures.values()} == {SAME}
    assert {one.value for one in found.figures.values()} == {0}


def test_the_interval_is_paired_and_resamples_cards():
    base, other = scored(), shifted(scored(), 0.05)
    cards = [rows.index.to_numpy() for _, rows in base.groupby("card")]
    rng, draws = np.random.default_rng(3), []
    for _ in range(300):
        rows = np.concatenate([cards[i] for i in rng.integers(0, len(cards), len(cards))])
        hit = (other["alert"] - base["alert"]).to_numpy() * base["label"].to_numpy()
        draws.append(hit[rows].sum() / base["label"].to_numpy()[rows].sum())
    found = compared(base, other, Chance({}, samples=300)).figures["recall"]
    np.testing.assert_allclose([found.low, found.high], np.percentile(draws, [2.5, 97.5]), atol=0.004)
    alone = np.std([scored(seed=seed)["alert"][scored(seed=seed)["label"] == 1].mean() for seed in range(20)])
    assert found.high - found.low < 4 * alone  # what is hard for both cancels


def test_what_training_seeds_give_widens_the_interval_and_turns_a_verdict():
    base, other = scored(), shifted(scored(), 0.05)
    quiet = compared(base, other).figures["average_precision"]
    seeds = {"average_precision": [0.6, 0.7, 0.8, 0.65, 0.75]}
    loud = compared(base, other, Chance(seeds, samples=200)).figures["average_precision"]
    assert quiet.verdict == BETTER
    assert loud.verdict == SAME
    assert loud.value == quiet.value
    spread = np.std(seeds["average_precision"], ddof=1) * 2**0.5
    assert loud.high - loud.low > 2 * 1.96 * spread


def test_models_that_differ_by_their_seed_only_get_hardly_any_verdict():
    # Twelve "retrained" models of equal merit: each with its own noise on every score.
    base = scored(1_500)
    models = [shifted(base, 0.0, seed) for seed in range(12)]
    points = {i: figures_of(model)()["average_precision"] for i, model in enumerate(models)}
    verdicts = []
    for i in range(0, 12, 2):
        others = [points[j] for j in points if j not in (i, i + 1)][:5]
        chance = Chance({"average_precision": others}, samples=60)
        verdicts.append(compared(models[i], models[i + 1], chance).figures["average_precision"].verdict)
    assert verdicts.count(SAME) >= 5


def test_the_chance_of_being_above_follows_the_difference():
    found = compared(scored(), shifted(scored(), 0.2)).figures
    assert found["average_precision"].positive == 1
    assert found["cost_per_record"].positive == 0


def test_rows_that_one_table_lacks_are_told_and_left_out():
    found = compared(scored().iloc[100:].iloc[::-1], scored().iloc[:1_700])
    assert (found.records, found.only_base, found.only_other) == (1_600, 300, 100)
    same = compared(scored().iloc[100:1_700], scored().iloc[100:1_700])
    assert found.figures["recall"].base == same.figures["recall"].base


def test_tables_that_share_nothing_or_disagree_are_refused():
    with pytest.raises(PipelineError, match="no id in common"):
        compared(scored().iloc[:5], scored().iloc[5:])
    with pytest.raises(PipelineError, match="2 records have another label"):
        compared(scored(), scored().assign(label=lambda t: t["label"].where(t["id"] > 1, 1 - t["label"])))


def test_without_cards_records_are_resampled():
    problem = people(entity=None)
    table, other = scored(400), shifted(scored(400), 0.2)

    def of_records(part):
        return partial(TASK.figures, window(part, problem))

    found = compare(table, other, task_of(problem), of_records, STILL).figures["average_precision"]
    assert found.low < found.value < found.high


@pytest.mark.parametrize(("by", "margin", "passes"), [(0.2, 0.0, True), (0.0, 0.05, True), (-0.2, 0.01, False)])
def test_the_gate_asks_whether_the_loss_is_within_the_margin(by, margin, passes):
    assert is_not_worse(compared(scored(), shifted(scored(), by)), "average_precision", margin) is passes


def test_a_cost_that_rises_is_a_loss():
    comparison = compared(scored(), shifted(scored(), -0.2))
    assert not is_not_worse(comparison, "cost_per_record", 0.1)
    assert comparison.figures["cost_per_record"].verdict == WORSE


def test_symmetric_intervals_give_the_interval_of_a_difference_of_normals():
    found = unpaired_difference(1, (0.5, (0.47, 0.53)), (0.6, (0.56, 0.64)))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.05, 0.15))
    assert found.verdict == "better"
    assert found.floor == pytest.approx(0.05)


def test_the_interval_covers_a_true_difference_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    pairs = rng.normal((0.5, 0.6), (0.02, 0.03), (4000, 2))
    ends = [
        unpaired_difference(1, *((v, (v - 1.96 * s, v + 1.96 * s)) for v, s in zip(p, (0.02, 0.03), strict=True)))
        for p in pairs
    ]
    assert np.mean([found.low <= 0.1 <= found.high for found in ends]) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("name", "head", "verdict"),
    [
        ("recall", 0.3, "worse"),
        ("recall", 0.52, "no difference"),
        ("brier", 0.3, "better"),
        ("cost_per_record", 0.7, "worse"),
        ("alerts_per_day", 0.9, "no difference"),
    ],
)
def test_better_is_what_is_good(name, head, verdict):
    sides = ({name: (value, (value - 0.02, value + 0.02))} for value in (0.5, head))
    assert unpaired(*sides, TASK).figures[name].verdict == verdict


def test_without_an_interval_nothing_is_ruled_out():
    found = unpaired_difference(1, (0.5, None), (0.9, (0.8, 0.95)))
    assert found.verdict == "no difference"
    assert found.floor == -math.inf


def test_figures_of_one_side_only_are_left_out():
    base, head = (dict.fromkeys(names, (0.5, (0.4, 0.6))) for names in ("ab", "ac"))
    assert list(unpaired(base, head, TASK).figures) == ["a"]


@pytest.mark.parametrize("by", [-0.05, 0.0, 0.05])
def test_the_gate_is_on_the_bad_end_of_the_interval(by):
    figures = compared(scored(), shifted(scored(), by)).figures
    precision, cost = figures["average_precision"], figures["cost_per_record"]
    assert precision.low <= precision.floor <= precision.value
    assert cost.value <= -cost.floor <= cost.high
    assert precision.floor < precision.high or by == 0


def held(base, other, problem, decision):
    """Compare two tables of scores of several classes, or of numbers."""
    task = task_of(problem)
    return compare(base, other, task, lambda table: partial(task.figures, window_of(table, problem, decision)), STILL)


@pytest.mark.parametrize(("sharp", "verdict"), [(2.0, BETTER), (0.3, WORSE)])
def test_of_classes_a_lower_log_loss_is_better_and_a_higher_accuracy(sharp, verdict):
    found = held(classified(), classified(sharp=sharp), of_classes(), BY_PROBABILITY).figures
    better = verdict == BETTER
    for name in ("log_loss", "brier", "accuracy", "macro_f1"):
        assert found[name].verdict == verdict, name
        assert (found[name].value < 0) == (better == (name in ("log_loss", "brier"))), name
    assert found["log_loss"].positive == (0 if better else 1)


@pytest.mark.parametrize(("noise", "verdict"), [(0.5, BETTER), (2.0, WORSE)])
def test_of_numbers_a_lower_error_is_better_and_a_higher_share_explained(noise, verdict):
    comparison = held(measured(), measured(noise=(noise, noise)), of_numbers(), INTERVAL)
    found = comparison.figures
    for name in ("mae", "rmse", "pinball_loss", "r2"):
        assert found[name].verdict == verdict, name
        assert (found[name].value < 0) == ((verdict == BETTER) == (name != "r2")), name
    assert is_not_worse(comparison, "mae", 0.0) is (verdict == BETTER)
    assert found["bias"].verdict == found["coverage"].verdict == SAME  # neither way is a merit


def test_the_floor_of_a_loss_is_what_it_may_have_risen_by():
    found = held(measured(), measured(noise=(1.1, 1.1)), of_numbers(), INTERVAL).figures["mae"]
    assert found.value <= -found.floor <= found.high


def test_a_version_that_abstains_has_no_cost_by_a_matrix_that_says_none():
    plain = replace(BY_COST, costs=[row[:3] for row in BY_COST.costs])
    found = held(classified(decision=BY_COST), classified(decision=plain), of_classes(), plain).figures
    assert math.isnan(found["cost_per_record"].value)
    assert (found["cost_per_record"].verdict, found["cost_per_record"].floor) == (SAME, -math.inf)
    assert math.isfinite(found["log_loss"].value)
