"""Made-up records of each kind of target with all that the stages would write of them, for what people read."""

from typing import Any

import numpy as np
import pandas as pd

from lifecycle.audit import fairness, slices, stability
from lifecycle.card.model_card import Facts, Window
from lifecycle.core.hashes_and_versions import File
from lifecycle.evaluation.bootstrap import intervals
from lifecycle.evaluation.scored_window import ScoredWindow
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Chosen, Task
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.purpose import Words
from lifecycle.problem.record_words import Raw
from lifecycle.problem.slice_definitions import Band
from lifecycle.splits.time_windows import Timing
from tests.helpers_model import params

KINDS = ("binary", "multiclass", "regression")
CLASSES = ("gold", "silver | x", "tin")
DRAWS = (60, 1)
ROWS = 600


def problem(kind: str, **changes: Any) -> Problem:
    """Return a problem without time, key and purpose, with a slice and two cuts into groups."""
    label = Column("label", *{"multiclass": ("text", ""), "regression": ("number", "")}.get(kind, ("integer", "")))
    columns = (Column("dose", "number", "mg"), Column("place", "text", ""), Column("age", "number", "years"), label)
    groups = (Band("place", "place"), Band("age", "age", edges=(40,), labels=("young", "old")))
    classes = CLASSES if kind == "multiclass" else ()
    roles: dict[str, Any] = {"task": kind, "classes": classes, "words": Words(record="patient", positive="illness")}
    return Problem(
        columns, (Raw("dose"),), "label", slices=(Band("dose", "dose", edges=(5,)),), groups=groups, **roles | changes
    )


def scores(task: Task, seed: int = 0, rows: int = ROWS) -> pd.DataFrame:
    """Return the predictions of validation or test records; the model knows something."""
    rng = np.random.default_rng(seed)
    outputs = {"multiclass": 3, "regression": 1}.get(task.name, 2)
    dose, signal = rng.uniform(0, 10, rows), rng.normal(size=(rows, outputs))
    noisy = signal + rng.normal(size=signal.shape)
    places = rng.choice(["east", "west", "rare"], rows, p=[0.5, 0.47, 0.03])
    table = pd.DataFrame(
        {"row_number": np.arange(rows), "dose": dose, "place": places, "age": rng.uniform(20, 70, rows)}
    )
    columns = {"fold": np.arange(rows) % 4, "baseline_score": 0.5}
    if task.name == "regression":
        return table.assign(**columns, label=10 * noisy[:, 0], score=10 * signal[:, 0])
    share = np.exp(signal) / np.exp(signal).sum(axis=1, keepdims=True)
    prediction = share if outputs == 3 else share[:, 1]
    rivals = task.problem.as_columns(np.full_like(prediction, 1 / outputs), "baseline_score")
    return table.assign(label=noisy.argmax(axis=1), **columns | task.problem.as_columns(prediction) | rivals)


def decided(task: Task, seed: int = 1, **options: Any) -> tuple[Chosen, pd.DataFrame, ScoredWindow]:
    """Return a decision, and made-up test records with it: as a table of scores and as a window."""
    own = params(
        decide__cost_false_positive=1.0, decide__cost_false_negative=9.0, evaluate__rule_amount=None, **options
    )
    chosen, test = task.choose(scores(task), own.decide, Timing()), scores(task, seed)
    scored = task.score_table(test, task.problem.prediction(test), chosen.decision)
    return chosen, scored, task.window(scored, chosen.decision, own.evaluate, None)


def written(task: Task, **options: Any) -> dict[str, Any]:
    """Return the content of the files that the stages write of made-up records, by path."""
    chosen, scored, window = decided(task, **options)
    least = params().audit.min_positives
    ends = intervals(lambda copies: task.figures(window, copies), window.units, *DRAWS)
    by_slice = slices.slice_figures(task, window, scored, task.problem.slices, DRAWS)
    by_group = fairness.audit(task, window, scored, task.problem.groups, DRAWS)
    figures = task.figures(window)
    seeds = {"seeds": [42, 43], "figures": {name: [value, value] for name, value in figures.items()}}
    feature = {"importance": 0.25, "low": 0.125, "high": 0.5, "mean_abs_contribution": 0.0625}
    return {
        "metrics/validate/data_quality.json": {
            "data": {"rows_in": 900, "rows_kept": 899, "rows_rejected": 1, "rows_out_of_order": 0}
        },
        "metrics/split/split.json": {"split": {"test_rows": ROWS, "test_rows_left_out": 0}},
        "metrics/split/warnings.json": ["the test part has 7 patients"],
        "metrics/decide/decision.json": {"decision": chosen.figures},
        "metrics/evaluate/evaluation.json": {"test": figures, "baseline": task.baselines(scores(task, seed=1), scored)},
        "metrics/evaluate/intervals.json": {"test": ends},
        "metrics/evaluate/warnings.json": [],
        "metrics/audit/slices.json": slices.as_json(by_slice, least),
        "metrics/audit/fairness.json": fairness.as_json(by_group, least),
        "metrics/audit/stability.json": stability.as_json(seeds, stability.no_ageing(task)),
        "metrics/audit/warnings.json": [],
        "metrics/explain/explanation.json": {"rows": 100, "unit": "probability", "features": {"dose": feature}},
        "models/features.json": {"columns": [{"name": "dose", "definition": "as it stands", "unit": "mg"}]},
        "models/hyperparameters.json": {"model": "extra_trees", "hyperparameters": {"max_depth": 3}},
        "models/decision.json": chosen.decision.as_json(),
    }


def facts(kind: str, options: dict[str, Any] | None = None, **changes: Any) -> Facts:
    """Return what a model card of made-up records is written from."""
    own = problem(kind)
    counts: dict[str, Any] = {
        "binary": {"positives": 311},
        "multiclass": {"classes": {"gold": 5, "silver | x": 8, "tin": 13}},
    }
    windows = {
        name: Window(None, None, rows, **counts.get(kind, {})) for name, rows in (("training", 299), ("test", ROWS))
    }
    made = Facts(
        name="made_up",
        problem=own,
        json=written(task_of(own), **options or {}),
        windows=windows,
        files=[File("models/model.joblib", "0123456789abcdef" * 2, 4096)],
        versions={"scikit-learn": "1.9.1"},
        delay_days=0.0,
        strategy="stratified",
        fixed_threshold=False,
        audit=params().audit,
    )
    return made._replace(**changes)
