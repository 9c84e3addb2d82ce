"""What a person should know of the figures of a test part before trusting them, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.evaluation.metrics import Figures
from lifecycle.evaluation.tasks.task import Task

MOST_NAMED = 4
BY_DECISION = {"interval_width"}  # the same for every record, so no resample can change it


def evaluation_warnings(
    task: Task,
    figures: Figures,
    ends: Mapping[str, Sequence[float]],
    baselines: Mapping[str, float],
    decision: Any,
) -> list[str]:
    """Return all warnings of a test part.

    Parameters
    ----------
    task : Task
        The kind of target.
    figures : mapping of str to float
        Of the test part, by name.
    ends : mapping of str to (float, float)
        Low and high of each figure's 95 % interval.
    baselines : mapping of str to float
        The headline figure of each.
    decision : Decision
        That of the stage `decide`.
    """
    lost = lost_to_baselines(task, figures[task.headline], baselines)
    return [*lost, *without_width(ends), *task.warnings(figures, ends, decision)]


def lost_to_baselines(task: Task, value: float, baselines: Mapping[str, float]) -> list[str]:
    """Say which baselines do better than the model, and what to try."""
    better = task.losing_to(value, baselines)
    if not better:
        return []
    named = " and ".join(f"{name} ({other:.4g})" for name, other in better.items())
    return [
        f"the model loses to {named}: its {task.label(task.headline)} is {value:.4g}; try"
        f" train.model={task.baseline}, or search for better hyper-parameters: python src/mlops.py tune"
    ]


def without_width(ends: Mapping[str, Sequence[float]]) -> list[str]:
    """Say which figures are the same in every resample.

    Examples
    --------
    >>> without_width({"recall": [1.0, 1.0], "precision": [0.5, 0.75]})[0].partition(":")[0]
    'the interval of recall has no width'
    """
    flat = [name for name, (low, high) in ends.items() if low == high and name not in BY_DECISION]
    if not flat:
        return []
    more = f" and {len(flat) - MOST_NAMED} more" if len(flat) > MOST_NAMED else ""
    intervals, have = ("interval", "has") if len(flat) == 1 else ("intervals", "have")
    return [
        f"the {intervals} of {', '.join(flat[:MOST_NAMED])}{more} {have} no width: every resample gives the same, as"
        " where all decisions are right; that is no certainty, a larger test part may give another"
    ]
