"""A gate for a new model: it must not be worse than the base by more than a margin."""

from lifecycle.model.comparison import WORSE, Comparison


def not_worse(comparison: Comparison, figure: str, margin: float) -> tuple[bool, str]:
    """Tell whether the other model is, at 95 %, not worse than the base by more than a margin (non-inferiority).

    Parameters
    ----------
    comparison : Comparison
        Of the two.
    figure : str
        The figure that decides.
    margin : float
        What may be lost, in the figure's unit; from 0.

    Returns
    -------
    bool
        Whether it passes.
    str
        The verdict as a sentence with its figures.
    """
    found = comparison.figures[figure]
    passes = found.floor > -margin
    loss = max(-found.floor, 0.0)
    told = "not worse" if passes else "possibly worse" if found.verdict != WORSE else "worse"
    return passes, (
        f"{figure} {found.other:.4f} against {found.base:.4f} on {comparison.records:,} records: a difference of"
        f" {found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f}). At 95 % the loss is at most {loss:.4f}, so it is"
        f" {told} by more than the margin of {margin:g}"
    )
