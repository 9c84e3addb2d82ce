"""Labelled performance: the evaluation's own figures, and money against plain sums."""

import numpy as np
import pytest

from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.monitor_tables import costs_table, performance_table
from lifecycle.monitoring.performance import UNKNOWN, costs_per_day, figures_of
from lifecycle.monitoring.watch import watch
from lifecycle.splits.time_windows import DAY
from tests.helpers_bundle import some_decision
from tests.helpers_kinds import KINDS, decided, problem
from tests.helpers_model import params
from tests.helpers_targets import BY_COST, BY_PROBABILITY, classified, of_classes
from tests.lifecycle.monitoring.helpers_streams import DECISION, START, TASK, TIME, options, stream, watched

EVALUATE, DRAWS = params().evaluate, (50, 3)


def evaluated(task, scored, decision, days):
    window = task.window(scored, decision, EVALUATE, days)
    return task.figures(window), intervals(lambda copies: task.figures(window, copies), window.units, *DRAWS)


def same(found, expected, ends):
    for name, figure in found.items():
        if np.isnan(expected[name]):
            assert figure == UNKNOWN
        else:
            assert figure == (expected[name], *ends.get(name, (None, None)))
    return set(found) == set(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_and_intervals_are_the_evaluations_own(kind):
    task = task_of(problem(kind))
    chosen, scored, _ = decided(task)
    found = figures_of(task, task.window(scored, chosen.decision, EVALUATE, 7.0), DRAWS)
    assert same(found, *evaluated(task, scored, chosen.decision, 7.0))
    assert any(figure.low < figure.value < figure.high for figure in found.values() if figure.low is not None)


def test_the_windows_of_a_stream_have_the_figures_of_their_records():
    given = stream(days=10)
    found = watch(given, watched(2.0), options(samples=50, seed=3), EVALUATE, START + 10 * DAY).windows
    assert [(window.records, window.labelled) for window in found] == [(1400, 1400), (600, 200)]
    for window, rows, days in zip(found, (slice(0, 1400), slice(1400, 1600)), (7.0, 1.0), strict=True):
        assert same(window.figures, *evaluated(TASK, given.records[rows], DECISION, days))


def test_what_is_not_known_yet_has_no_figures_and_no_zeros():
    found = watch(stream(days=14), watched(7.0), options(), EVALUATE, START + 14 * DAY)
    first, second = found.windows
    assert first.figures
    assert (second.labelled, second.figures, second.costs) == (0, {}, {})
    table = performance_table(found)
    unknown = table[table["window"] == str((START + 7 * DAY).date())]
    assert len(unknown) == len(first.figures)
    assert unknown[["value", "low", "high"]].isna().all(axis=None)
    assert set(costs_table(found)["window"]) == {str(START.date())}
    nothing = watch(stream(days=7), watched(90.0), options(), EVALUATE, START + 7 * DAY)
    assert performance_table(nothing).empty
    assert figures_of(TASK, TASK.window(stream().records.iloc[:0], DECISION, EVALUATE, 7.0), DRAWS) == {}


def test_a_figure_that_is_not_defined_is_none_and_no_zero():
    given = stream(days=7)
    good = given.records[given.records["is_bad"] == 0]
    found = figures_of(TASK, TASK.window(good, DECISION, EVALUATE, 7.0), DRAWS)
    assert found["average_precision"] == UNKNOWN
    assert found["recall"] == UNKNOWN


PRICED = decision_of("binary", some_decision() | {"cost_false_positive": 3.0, "cost_false_negative": "amount"})


def costs_of(records, decision=PRICED):
    """Return the cost of each record as a person would reckon it."""
    bad, alert = records["is_bad"] == 1, records["score"] >= decision.threshold
    return np.where(alert & ~bad, 3.0, 0.0) + np.where(bad & ~alert, records["amount"], 0.0)


def test_the_cost_of_a_day_is_a_plain_sum():
    given = stream(days=7)
    (window,) = watch(given, watched(decision=PRICED), options(), EVALUATE, START + 7 * DAY).windows
    records = given.records
    assert set(window.costs) == {"model", "no_model"}
    assert window.costs["model"].value == pytest.approx(costs_of(records).sum() / 7)
    nothing = records["amount"][records["is_bad"] == 1].sum() / 7
    assert window.costs["no_model"].value == pytest.approx(nothing)
    for figure in window.costs.values():
        assert 0 < figure.low < figure.value < figure.high


def test_intervals_of_costs_draw_entities_and_not_records():
    given = stream(days=7)
    once, seven = given.records.assign(card=range(1400)), given.records.assign(card=np.arange(1400) // 200)

    def width(records):
        windows = {"model": TASK.window(records, PRICED, EVALUATE, 7.0)}
        figure = costs_per_day(windows, 7.0, DRAWS, TASK)["model"]
        return figure.high - figure.low

    assert width(once) != width(seven)
    window = TASK.window(once, PRICED, EVALUATE, 7.0)
    totals = intervals(
        lambda copies: {"model": float((costs_of(once) * copies[window.entity]).sum() / 7)}, 1400, *DRAWS
    )
    found = costs_per_day({"model": window}, 7.0, DRAWS, TASK)["model"]
    assert (found.low, found.high) == pytest.approx(tuple(totals["model"]))


def test_without_entities_intervals_of_costs_draw_records():
    task = task_of(problem("binary"))
    _, _, window = decided(task)
    plain = task.costs(window)["model"]
    totals = intervals(lambda copies: {"model": float((plain * copies).sum() / 5)}, len(plain), *DRAWS)
    found = costs_per_day({"model": window}, 5.0, DRAWS, task)["model"]
    assert found == pytest.approx((plain.sum() / 5, *totals["model"]))
    assert found.low < found.value < found.high


def test_an_earlier_model_is_held_against_the_same_records():
    given, other = stream(days=7), decision_of("binary", some_decision() | {"threshold": 0.2})
    priced = other.__class__(**{**vars(PRICED), "threshold": 0.2})
    about = watched(decision=PRICED, previous=(lambda rows: rows["score"].to_numpy() ** 2, priced))
    (window,) = watch(given, about, options(), EVALUATE, START + 7 * DAY).windows
    earlier = given.records.assign(score=given.records["score"] ** 2)
    assert window.costs["previous"].value == pytest.approx(costs_of(earlier, priced).sum() / 7)
    assert window.costs["model"].value == pytest.approx(costs_of(given.records).sum() / 7)


@pytest.mark.parametrize(("decision", "names"), [(BY_COST, {"model"}), (BY_PROBABILITY, set())])
def test_decisions_without_a_cost_have_none(decision, names):
    task, scored = task_of(of_classes()), classified(decision=decision)
    found = costs_per_day({"model": task.window(scored, decision, EVALUATE, 5.0)}, 5.0, DRAWS, task)
    assert set(found) == names
    if names:
        matrix = np.array(decision.costs)
        plain = matrix[scored["label"], scored["decided"].where(scored["decided"] >= 0, 3)].sum() / 5
        assert found["model"].value == pytest.approx(plain)
    assert TIME not in scored
