"""The command `explain`: the decision on one record, its score, what each feature added, and the reasons in words."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.class_decision import ABSTAINS, ClassDecision
from lifecycle.evaluation.decision import Decision
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.explanation.contributions import NO_CONTRIBUTIONS, explainer
from lifecycle.explanation.reasons import reasons, sentence
from lifecycle.models.families import family_of
from lifecycle.models.prediction import predict
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem

MODEL, TEST, FOLDS = "models/model.joblib", "data/splits/test.parquet", "data/splits/folds.parquet"
REASONS = 3


def explain(argv: Sequence[str]) -> None:
    """Print the decision on a record of the test window or of a validation window."""
    parser = argparse.ArgumentParser(prog="mlops.py explain", description="Tell the decision on one record, and why.")
    parser.add_argument("id", metavar="ID", help="the record's key")
    key = parser.parse_args(argv).id
    problem = load_problem(load_params().problem)
    same_key = [(problem.key, "==", key_value(problem, key))]
    for path, where in ((TEST, same_key), (FOLDS, [*same_key, ("role", "==", "valid")])):
        records = read_table(path, where=where)
        if len(records):
            return print(explanation(problem, joblib.load(MODEL), task_of(problem).read_decision(), records[:1]))
    raise PipelineError(f"{problem.key} = {key}: no such record in the test window or a validation window")


def key_value(problem: Problem, text: str) -> Any:
    """Return the text of a key as a value of the key's type."""
    kind = problem.columns[problem.key].type
    try:
        return {"integer": int, "number": float, "text": str, "timestamp": pd.Timestamp}[kind](text)
    except ValueError as error:
        raise PipelineError(f"{problem.key} = {text!r}: not of type {kind}") from error


def explanation(problem: Problem, model: Pipeline, decision: Decision, record: pd.DataFrame) -> str:
    """Return the decision on a record (one row with contract columns and features) as lines of text."""
    score = predict(model, record)
    row = {str(name): value for name, value in record.iloc[0].items()}
    shown = [name for name in problem.columns if name in row and name not in problem.sensitive]
    late = {True: "  (known later)", False: ""}
    return "\n".join(
        [
            *(f"{name:<16} {row[name]}{late[name in problem.label_columns]}" for name in shown),
            "",
            *_decision(problem, decision, score),
            "",
            *_contributions(problem, model, record, row),
        ]
    )


def _decision(problem: Problem, decision: Decision, score: np.ndarray) -> list[str]:
    """Return score and decision of one record."""
    first, second = decision.apply(score)
    if isinstance(decision, AlertDecision):
        return [
            f"{'score':<16} {score[0]:.4f}",
            f"{'probability':<16} {first[0]:.4f}  (calibrated)",
            f"{'threshold':<16} {decision.threshold:.4f}  (of the score)",
            f"{'decision':<16} {'alert' if second[0] else 'pass'}",
        ]
    if isinstance(decision, ClassDecision):
        classes = zip(problem.class_names, score[0].tolist(), first[0].tolist(), strict=True)
        decided = "left to a person" if second[0] == ABSTAINS else problem.class_names[second[0]]
        shown = [f"{name:<16} {own:.4f}  probability {calibrated:.4f}" for name, own, calibrated in classes]
        return [*shown, f"{'decision':<16} {decided}"]
    interval = f"{first[0]:.6g} to {second[0]:.6g}  (holds {decision.coverage:.0%} of the truths)"
    return [f"{'prediction':<16} {score[0]:.6g}", f"{'interval':<16} {interval}"]


def _contributions(problem: Problem, model: Pipeline, record: pd.DataFrame, row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line per feature, with what it adds to the score: the largest first, between base and sum; then reasons.

    With several classes it is the score of the one with the highest. A family without exact contributions has one line
    that says so.
    """
    family = family_of(model)
    if not family.has_contributions:
        yield f"{NO_CONTRIBUTIONS.format(family=family.name)} metrics/explain/ shows what the model relies on."
        return
    explained = explainer(model)(record)
    output = int(explained.scores()[0].argmax()) if problem.outputs > 1 else 0
    if problem.outputs > 1:
        yield f"What each feature adds to the score of {problem.class_names[output]}:"
    base, added = explained.base[output], dict(zip(explained.names, explained.values[output, 0].tolist(), strict=True))
    width = max(map(len, added))
    yield f"{base:+.4f}  {'base':<{width}}  where every score starts"
    for name in sorted(added, key=lambda name: (-abs(added[name]), name)):
        yield f"{added[name]:+.4f}  {name:<{width}}  {sentence(problem.features, name, row)}"
    yield f"{base + sum(added.values()):+.4f}  {'sum':<{width}}  the score, as {explained.unit}"
    most = reasons(problem.features, added, row, REASONS)
    yield "\nWhat raised the score most:" if most else "\nNothing raised the score."
    yield from (f"{place}. {reason.words}" for place, reason in enumerate(most, 1))
