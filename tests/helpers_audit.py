"""Made-up windows with scores, decisions and groups, for the tests of audits and comparisons."""

from typing import Any

import numpy as np
import pandas as pd

from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.binary_metrics import BinaryWindow
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.slice_definitions import Band
from tests.helpers_data import small_problem
from tests.helpers_model import params

DECISION = AlertDecision(Calibration("none"), 0.5, 5.0, 50.0, None, {})
TOP_K, DAYS = 6, 7.0
GROUPS = (Band("place", "place"), Band("age", "age", edges=(40,), labels=("young", "old")))


def people(**changes: Any) -> Problem:
    """Return a problem with a card, and two sensitive columns that groups are made from."""
    columns = (Column("card", "integer", ""), Column("place", "text", ""), Column("age", "number", ""))
    return small_problem(*columns, **{"entity": "card", "groups": GROUPS, "sensitive": ("place", "age")} | changes)


def scored(
    rows: int = 2_000, cards: int = 200, seed: int = 0, recall: tuple[float, float] = (0.8, 0.8)
) -> pd.DataFrame:
    """Return scores of which frauds are found by their place's recall, "east" and then "west"; 1 in 5 is a fraud."""
    rng = np.random.default_rng(seed)
    card = rng.integers(0, cards, rows)
    place = np.where(card % 2 == 0, "east", "west")
    label = (rng.random(rows) < 0.2).astype(np.int8)
    found = rng.random(rows) < np.where(label == 1, np.where(place == "east", *recall), 0.05)
    score = np.where(found, 0.5, 0.0) + rng.random(rows) / 2
    columns = {"id": np.arange(rows), "time": pd.Timestamp("2020-01-01"), "label": label, "card": card}
    made = {"place": place, "age": np.where(card % 5 < 2, 30.0, 60.0), "score": score}
    return pd.DataFrame(columns | made).assign(probability=np.where(found, 0.7, 0.05), alert=found.astype(np.int8))


def window(table: pd.DataFrame, problem: Problem | None = None) -> BinaryWindow:
    """Return a table of scores as arrays."""
    options = params(evaluate__top_k=TOP_K, evaluate__rule_amount=None).evaluate
    return Binary(problem or people()).window(table, DECISION, options, DAYS)
