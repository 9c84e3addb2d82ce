"""Made-up windows of a target with several classes, and of one that is a number, for the tests of both."""

from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.portable_math import softmax
from lifecycle.evaluation.class_decision import ClassDecision
from lifecycle.evaluation.interval_decision import IntervalDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.problem import Column, Problem
from tests.helpers_audit import GROUPS
from tests.helpers_data import small_problem
from tests.helpers_model import params

NAMES = ("basic", "plus", "gold")
COSTS = ((0.0, 2.0, 9.0, 1.0), (4.0, 0.0, 2.0, 1.0), (20.0, 5.0, 0.0, 1.0))  # the last column: a person decides
BY_PROBABILITY = ClassDecision([Calibration("none")] * 3, None, None, {})
BY_COST = ClassDecision([Calibration("none")] * 3, COSTS, None, {})
INTERVAL = IntervalDecision(0.9, 1.5, None)


def _problem(label: Column, **changes: Any) -> Problem:
    columns = [Column("id", "integer", "", unique=True), Column("time", "timestamp", ""), label]
    columns += [Column("card", "integer", ""), Column("place", "text", ""), Column("age", "number", "")]
    given = {"contract": tuple(columns), "entity": "card", "groups": GROUPS, "sensitive": ("place", "age")}
    return small_problem(**given | changes)


def of_classes(**changes: Any) -> Problem:
    """Return a problem with three classes, a card and two sensitive columns."""
    return _problem(Column("label", "text", "", isin=NAMES), **{"task": "multiclass", "classes": NAMES} | changes)


def of_numbers(**changes: Any) -> Problem:
    """Return a problem whose target is a number, with a card and two sensitive columns."""
    return _problem(Column("label", "number", ""), **{"task": "regression"} | changes)


def _records(rng: np.random.Generator, rows: int, cards: int) -> pd.DataFrame:
    card = rng.integers(0, cards, rows)
    place, age = np.where(card % 2 == 0, "east", "west"), np.where(card % 5 < 2, 30.0, 60.0)
    time = pd.Timestamp("2020-01-01")
    return pd.DataFrame({"id": np.arange(rows), "time": time, "card": card, "place": place, "age": age})


def classified(
    rows: int = 900, cards: int = 60, seed: int = 0, decision: ClassDecision = BY_PROBABILITY, sharp: float = 1.0
) -> pd.DataFrame:
    """Return scored records of three classes, 6 : 3 : 1; the sharper the scores, the more they tell."""
    rng = np.random.default_rng(seed)
    records = _records(rng, rows, cards).assign(label=rng.choice(3, rows, p=[0.6, 0.3, 0.1]).astype(np.int8))
    logits = rng.normal(size=(rows, 3)) + sharp * (np.arange(3) == records["label"].to_numpy()[:, None])
    return task_of(of_classes()).score_table(records, np.round(softmax(logits), 8), decision)


def measured(rows: int = 900, cards: int = 60, seed: int = 0, noise: tuple[float, float] = (1.0, 1.0)) -> pd.DataFrame:
    """Return scored records of a number; the predictions miss by the noise of their place, "east" and then "west"."""
    rng = np.random.default_rng(seed)
    records = _records(rng, rows, cards)
    label = 20 + 3 * np.sin(records["card"].to_numpy()) + rng.normal(size=rows)
    score = label + rng.normal(size=rows) * np.where(records["place"] == "east", *noise)
    return task_of(of_numbers()).score_table(records.assign(label=label), score, INTERVAL)


def window_of(table: pd.DataFrame, problem: Problem, decision: Any) -> Any:
    """Return a table of scores as arrays."""
    return task_of(problem).window(table, decision, params().evaluate, 7.0)
