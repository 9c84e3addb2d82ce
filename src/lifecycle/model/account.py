"""Tell one decision so that a person can follow it: the record, its score, what each feature added, the reasons."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from lifecycle.model.calibration import Calibration
from lifecycle.model.contributions import Contributions, explainer
from lifecycle.model.estimators import predict
from lifecycle.model.reasons import reasons
from lifecycle.model.sentences import sentence
from lifecycle.problem import Problem
from lifecycle.stage import PipelineError

REASONS = 3


def key_value(problem: Problem, text: str) -> Any:
    """Return what a person typed as the problem's key holds it.

    Raises
    ------
    PipelineError
        It can't be one.
    """
    kind = problem.columns[problem.key].type
    try:
        return {"integer": int, "number": float, "text": str, "timestamp": pd.Timestamp}[kind](text)
    except ValueError as error:
        raise PipelineError(f"{problem.key} = {text!r}: not of type {kind}") from error


def account(problem: Problem, model: Pipeline, decision: Mapping[str, Any], record: pd.DataFrame) -> str:
    """Tell the decision on one record.

    Parameters
    ----------
    problem : Problem
        The record's contract and features.
    model : Pipeline
        Fitted.
    decision : mapping
        As `decide` wrote it: calibration and threshold.
    record : pandas.DataFrame of one row
        Columns of the contract and features.
    """
    score = predict(model, record[model.feature_names_in_])
    explained = explainer(model)(record)
    added = dict(zip(explained.names, explained.values[0].tolist(), strict=True))
    row = {str(name): value for name, value in record.iloc[0].items()}
    because = reasons(problem.features, added, row, REASONS)
    shown = [name for name in problem.columns if name in row and name not in problem.sensitive]
    late = {True: "  (known later)", False: ""}
    return "\n".join(
        [
            *(f"{name:<16} {row[name]}{late[name in problem.label_columns]}" for name in shown),
            "",
            f"{'score':<16} {score[0]:.4f}",
            f"{'probability':<16} {Calibration(**decision['calibration']).apply(score)[0]:.4f}  (calibrated)",
            f"{'threshold':<16} {decision['threshold']:.4f}  (of the score)",
            f"{'decision':<16} {'alert' if score[0] >= decision['threshold'] else 'pass'}",
            "",
            *_parts(problem, added, row, explained),
            "",
            "What raised the score most:" if because else "Nothing raised the score.",
            *(f"{place}. {reason.words}" for place, reason in enumerate(because, 1)),
        ]
    )


def _parts(
    problem: Problem, added: Mapping[str, float], row: Mapping[str, Any], explained: Contributions
) -> Iterator[str]:
    """Yield a line per feature, with what it adds to the score: the largest part first, between base and sum."""
    width = max(map(len, added))
    yield f"{explained.base:+.4f}  {'base':<{width}}  where every score starts"
    for name in sorted(added, key=lambda name: (-abs(added[name]), name)):
        yield f"{added[name]:+.4f}  {name:<{width}}  {sentence(problem.features, name, row)}"
    yield f"{explained.base + sum(added.values()):+.4f}  {'sum':<{width}}  the score, as {explained.unit}"
