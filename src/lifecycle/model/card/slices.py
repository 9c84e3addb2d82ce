"""The model card's slices: where the model is at its worst."""

from typing import Any

from lifecycle.model.card.facts import Facts
from lifecycle.model.card.words import LEVEL, between, number, with_interval
from lifecycle.model.slices import WHOLE
from lifecycle.report.document import Block, Code, Strong, Table, text

WORST = 3


def slices(facts: Facts) -> tuple[Block, ...]:
    """Return the paragraph's blocks."""
    found = facts.json["metrics/slices.json"]
    judged = [
        (name, value, figures)
        for name, values in found["slices"].items()
        for value, figures in values.items()
        if name != WHOLE and not figures["few"] and figures["average_precision"] is not None
    ]
    lowest = sorted(judged, key=lambda one: one[2]["average_precision"])[:WORST]
    rows = tuple(
        (name, Code(value), number(one["records"]), number(one["frauds"]), with_interval(one, "average_precision"),
         with_interval(one, "recall"))
        for name, value, one in lowest
    )  # fmt: skip
    title = text(Strong("Slices."), " The lowest average precision of the slices with enough frauds:")
    if not rows:
        return (text(Strong("Slices."), " None has enough frauds to be judged."),)
    header = ("slice", "which", "records", "frauds", f"average precision ({LEVEL})", f"recall ({LEVEL})")
    return title, Table(header, rows, left=2), *_beyond_noise(found["worst"])


def _beyond_noise(worst: list[dict[str, Any]]) -> tuple[Block, ...]:
    """Return what is worse there than on the whole by more than the interval of the difference allows."""
    rows = tuple(
        (one["slice"], Code(one["value"]), Code(one["figure"]), number(one["at"]), number(one["of_whole"]),
         f"{number(one['difference'])} ({between(one['low'], one['high'])})")
        for one in worst[:WORST]
    )  # fmt: skip
    if not rows:
        return (text("No slice is worse than the whole by more than noise."),)
    header = ("slice", "which", "figure", "there", "on the whole", f"difference ({LEVEL})")
    return text("Worse than the whole by more than noise:"), Table(header, rows, left=3)
