"""Gates: a figure that is too good, too bad, or worse than another version's stops the pipeline."""

from collections.abc import Mapping

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.comparison import Comparison


def check_leak(average_precision: float, alarm: float | None) -> None:
    """Raise when the average precision is above `alarm`: better than the data allow without a leak."""
    if alarm is not None and not average_precision <= alarm:  # NaN is no figure to go on with
        raise PipelineError(
            f"leak alarm: the average precision of {average_precision:.3f} is above evaluate.leak_alarm = {alarm:g}."
            " What is known at decision time can't be that good: look for a feature that sees the label or the"
            " future (a window without delay, a split across time). If the figure is honest, raise the limit"
        )


def check_baselines(average_precision: float, baselines: Mapping[str, float]) -> None:
    """Raise when baselines rank better than the model, and name them."""
    better = {name: value for name, value in baselines.items() if not value <= average_precision}
    if better:
        named = ", ".join(f"{name} ({value:.3f})" for name, value in better.items())
        raise PipelineError(
            f"the model's average precision of {average_precision:.3f} is below a baseline that must lose: {named}."
            " An experiment may lose: dvc exp run -S evaluate.must_beat_baselines=false"
        )


def is_not_worse(comparison: Comparison, figure: str, margin: float) -> bool:
    """Return whether the other model is, at 95 %, not worse than the base by more than a margin (non-inferiority)."""
    return comparison.figures[figure].floor > -margin
