"""The decision of each kind of target, as models/decision.json holds it. It needs numpy alone."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.class_decision import ClassDecision
from lifecycle.evaluation.interval_decision import IntervalDecision

Decision = AlertDecision | ClassDecision | IntervalDecision
DECISIONS: Mapping[str, Any] = {"binary": AlertDecision, "multiclass": ClassDecision, "regression": IntervalDecision}


def decision_of(task: str, content: Mapping[str, Any]) -> Any:
    """Return the decision of a kind of target from the content of models/decision.json.

    Raises
    ------
    PipelineError
        The content is that of another kind.
    """
    kind = DECISIONS[task]
    if set(content) != {field.name for field in fields(kind)}:
        raise PipelineError(f"decision.json is not that of a {task} target; `dvc repro` makes it anew")
    return kind.from_json(content)
