"""The limits on how differently groups may be treated, against gaps and their noise that are computed here."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from lifecycle.audit.fairness import audit, check_fairness, compared
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams
from lifecycle.evaluation.class_decision import ClassDecision
from lifecycle.evaluation.interval_decision import IntervalDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.multiclass import Multiclass
from lifecycle.evaluation.tasks.multiclass_metrics import ClassWindow
from lifecycle.evaluation.tasks.regression import Regression
from lifecycle.evaluation.tasks.regression_metrics import NumberWindow
from lifecycle.problem.problem import Column
from tests.helpers_audit import people, scored, window
from tests.helpers_data import small_problem

NONE = {"max_recall_difference": None, "max_false_positive_ratio": None, "max_calibration_ratio": None}
OTHERS = {"max_accuracy_difference": None, "max_error_ratio": None}  # of other kinds of target
REST = {"min_positives": 30, "more_seeds": 2, "ageing_windows": 2, "samples": 50, "seed": 0}


def counted(table, by):
    """Return the sums of each group, from its rows: positives, hits, false alerts, negatives, predictions."""
    label, alert = table["label"], table["alert"]
    columns = {"positives": label, "hits": label * alert, "false": (1 - label) * alert, "negatives": 1 - label}
    return pd.DataFrame(columns | {"predicted": table["probability"]}).astype(float).groupby(by).sum()


def on_its_scale(sums, key):
    """Return the compared value of each group and its variance if records were independent."""
    if key == "max_recall_difference":
        share = (sums["hits"] + 1) / (sums["positives"] + 2)  # Agresti and Coull
        return sums["hits"] / sums["positives"], share * (1 - share) / (sums["positives"] + 2)
    if key == "max_false_positive_ratio":
        return np.log((sums["false"] + 0.5) / (sums["negatives"] + 1)), 1 / (sums["false"] + 0.5)
    return np.log((sums["positives"] + 0.5) / (sums["predicted"] + 0.5)), 1 / (sums["positives"] + 0.5)


def beyond_noise(found, table, key):
    """Return how far each gap is above zero beyond noise, the largest first: what a limit is held against."""
    young = pd.Series(np.where(table["age"] <= 40, "young", "old"), name="age")
    labels = {"place": table["place"], "age": young, "place x age": table["place"] + ", " + young}
    gaps = []
    for cut, one in found.items():
        groups = list(one.table.index)
        value, variance = (column.loc[groups].to_numpy() for column in on_its_scale(counted(table, labels[cut]), key))
        draws = one.draws[key]
        if key == "max_calibration_ratio":
            errors = np.sqrt(np.maximum(draws.var(axis=0, ddof=1), variance))
            gaps += zip(abs(value), errors, strict=True)
        else:
            for i, j in combinations(range(len(groups)), 2):
                resampled = np.var(draws[:, i] - draws[:, j], ddof=1)
                gaps.append((abs(value[i] - value[j]), np.sqrt(max(resampled, variance[i] + variance[j]))))
    quantile = norm.isf(0.025 / len(gaps))
    return sorted((size - quantile * error for size, error in gaps), reverse=True), [size for size, _ in gaps]


FEW = (4, 1)  # resamples, so few that 1 / (n - 1) shows; and their seed
SKEWED = {
    "one group is always right": {"recall": (1.0, 0.4)},
    "few cards": {"recall": (0.4, 0.9), "cards": 14},
}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", SKEWED)
@pytest.mark.parametrize("key", list(NONE))
def test_a_limit_is_held_against_the_gap_less_its_noise(key, kind, groups):
    table, problem = scored(3_000, seed=3, **SKEWED[kind]), people(groups=people().groups[:groups])
    west = (table["place"] == "west").to_numpy()
    extra = np.random.default_rng(1).random(len(table)) < 0.25
    table.loc[west & extra & (table["label"] == 0), "alert"] = 1
    table["probability"] = np.where(west, 0.05, 0.5)
    found = audit(
        Binary(problem), window(table, problem), table, problem.groups, (4, 1)
    )  # so few that 1 / (n - 1) shows
    (most, *_), _ = beyond_noise(found, table, key)
    assert most > 0
    limit = np.exp(most) if key.endswith("ratio") else most
    with pytest.raises(PipelineError, match=key):
        check_fairness(Binary(problem), found, AuditParams(**REST | OTHERS | NONE | {key: limit * (1 - 1e-6)}))
    check_fairness(Binary(problem), found, AuditParams(**REST | OTHERS | NONE | {key: limit * (1 + 1e-6)}))


@pytest.mark.parametrize("key", ["max_recall_difference", "max_false_positive_ratio"])
def test_the_clearest_gap_is_named_first_with_its_size_and_what_is_beyond_noise(key):
    table = scored(6_000, recall=(0.9, 0.3))
    table.loc[(table["place"] == "west") & (table["card"] % 3 == 0), "alert"] = 1
    problem, is_ratio = people(), key.endswith("ratio")
    found = audit(Binary(problem), window(table, problem), table, problem.groups, (60, 1))
    with pytest.raises(PipelineError) as refused:
        limits = AuditParams(**REST | OTHERS | NONE | {key: 1.02 if is_ratio else 0.02})
        check_fairness(Binary(problem), found, limits)
    lines = re.findall(r"([\d.]+)(?: times)? apart, ([\d.]+)", str(refused.value))
    beyond, sizes = beyond_noise(found, table, key)
    shown = [np.exp(size) if is_ratio else size for size in beyond][: len(lines)]
    assert len(lines) > 2
    assert [float(line[1]) for line in lines] == pytest.approx(shown, abs=0.0051 if is_ratio else 0.00051)
    exact = [np.exp(size) if is_ratio else size for size in sizes]
    assert all(min(abs(float(line[0]) - size) for size in exact) < 0.0051 for line in lines)


PLAIN = (Column("id", "integer", "", unique=True), Column("time", "timestamp", ""))


def classes(table, hits):
    """Return a problem of three classes, and a window in which so large a share of each place is decided right."""
    task = Multiclass(
        small_problem(contract=(*PLAIN, Column("label", "text", "")), task="multiclass", classes=("x", "y", "z"))
    )
    rng = np.random.default_rng(4)
    target = rng.integers(0, 3, len(table))
    is_right = rng.random(len(table)) < np.where(table["place"] == "east", *hits)
    decision = ClassDecision((Calibration("none"),) * 3, None, None, {})
    entity = None if table["card"].nunique() == len(table) else pd.factorize(table["card"])[0]
    probability = np.full((len(table), 3), 1 / 3)
    decided = np.where(is_right, target, (target + 1) % 3)
    made = ClassWindow(
        target=target, probability=probability, decided=decided, entity=entity, decision=decision, days=None
    )
    return task, made, pd.Series(is_right.astype(float))


def numbers(table, sizes):
    """Return a problem of a number, and a window whose errors have such a mean size in each place."""
    task = Regression(small_problem(contract=(*PLAIN, Column("label", "number", "")), task="regression"))
    rng = np.random.default_rng(5)
    target = rng.normal(size=len(table))
    errors = rng.exponential(np.where(table["place"] == "east", *sizes)) * rng.choice([-1, 1], len(table))
    entity = None if table["card"].nunique() == len(table) else pd.factorize(table["card"])[0]
    score, decision = target + errors, IntervalDecision(0.9, 1.0, None)
    made = NumberWindow(
        target=target, score=score, low=score - 1, high=score + 1, entity=entity, decision=decision, days=None
    )
    return task, made, pd.Series(abs(score - target))


def accuracy(values):
    share = (values.sum() + 2) / (len(values) + 4)
    return values.mean(), share * (1 - share) / (len(values) + 4)


def log_error(values):
    return np.log(values.mean()), values.var(ddof=0) / (values.mean() ** 2 * len(values))


@pytest.mark.parametrize("cards", [12, 10**9])  # resampled cards give the larger error, or independent records do
@pytest.mark.parametrize(
    ("key", "made", "sides", "on_scale"),
    [
        ("max_accuracy_difference", classes, (0.9, 0.6), accuracy),
        ("max_accuracy_difference", classes, (1.0, 0.3), accuracy),
        ("max_error_ratio", numbers, (1.0, 3.0), log_error),
    ],
)
def test_limits_of_other_kinds_of_target_are_held_against_the_gap_less_its_noise(key, made, sides, on_scale, cards):
    table = scored(240, cards=cards, seed=7)
    task, own, values = made(table, sides)
    found = audit(task, own, table, people().groups[:1], FEW)
    (first, variance), (second, other) = (on_scale(values[table["place"] == place]) for place in ("east", "west"))
    resampled = np.var(np.subtract(*found["place"].draws[key].T), ddof=1)
    gap = abs(first - second) - norm.isf(0.025) * np.sqrt(max(resampled, variance + other))
    limit = np.exp(gap) if key.endswith("ratio") else gap
    assert gap > 0
    with pytest.raises(PipelineError, match=key):
        check_fairness(task, found, AuditParams(**REST | OTHERS | NONE | {key: limit * (1 - 1e-6)}))
    check_fairness(task, found, AuditParams(**REST | OTHERS | NONE | {key: limit * (1 + 1e-6)}))
    assert compared(task) == {"max_accuracy_difference": "accuracy", "max_error_ratio": "mae"}[key]
    assert compared(Binary(people())) == "recall"


@pytest.mark.filterwarnings("error")
def test_predictions_without_any_error_are_alike():
    table = scored(200, seed=7)
    task, own, _ = numbers(table, (1e-300, 1e-300))
    exact = NumberWindow(
        target=own.target, score=own.target, low=own.low, high=own.high, entity=None, decision=own.decision, days=None
    )
    found = audit(task, exact, table, people().groups[:1], FEW)
    check_fairness(task, found, AuditParams(**REST | OTHERS | NONE | {"max_error_ratio": 1.0}))
