"""Gates: a figure that is too good, too bad, or worse than another version's stops the pipeline."""

import math
from collections.abc import Mapping

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.comparison import Comparison
from lifecycle.evaluation.metrics import Figures
from lifecycle.evaluation.tasks.task import Task


def check_defined(task: Task, figures: Figures) -> None:
    """Raise when a part is such that a figure has no value."""
    undefined = [task.label(name) for name, value in figures.items() if math.isnan(value)]
    if undefined:
        raise PipelineError(
            f"the test part has no {' and no '.join(undefined)}: all its {task.words.records} have the same target."
            " Take a longer or larger test part (block split of params.yaml)"
        )


def check_leak(task: Task, value: float, alarm: float | None) -> None:
    """Raise when the headline figure is beyond `alarm`: better than the data allow without a leak."""
    if alarm is None:
        return
    rises = task.direction(task.headline) > 0
    if not (value <= alarm if rises else value >= alarm):  # NaN is no figure to go on with
        raise PipelineError(
            f"leak alarm: the {task.label(task.headline)} of {value:.3f} is {'above' if rises else 'below'}"
            f" evaluate.leak_alarm = {alarm:g}."
            " What is known at decision time can't be that good: look for a feature that sees the label or the"
            " future (a window without delay, a split across time). If the figure is honest, raise the limit"
        )


def check_baselines(task: Task, value: float, baselines: Mapping[str, float]) -> None:
    """Raise when baselines do better than the model, and name them."""
    better = task.losing_to(value, baselines)
    if better:
        named = ", ".join(f"{name} ({other:.3f})" for name, other in better.items())
        raise PipelineError(
            f"the model's {task.label(task.headline)} of {value:.3f} is worse than a baseline that must lose: {named}."
            " An experiment may lose: dvc exp run -S evaluate.must_beat_baselines=false"
        )


def is_not_worse(comparison: Comparison, figure: str, margin: float) -> bool:
    """Return whether the other model is, at 95 %, not worse than the base by more than a margin (non-inferiority)."""
    return comparison.figures[figure].floor > -margin
