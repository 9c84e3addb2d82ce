"""The model card's groups of people: each group, what lies between them, and what is too few to say."""

from collections.abc import Mapping
from typing import Any

from lifecycle.model.card.facts import Facts
from lifecycle.model.card.words import LEVEL, bullets, number, with_interval
from lifecycle.model.fairness import BETWEEN
from lifecycle.params import AuditParams
from lifecycle.report.document import Block, Code, Strong, Table, listed, text

SHOWN = ("recall", "false_positive_rate", "selection_rate")
LOWEST = 3


def groups(facts: Facts) -> tuple[Block, ...]:
    """Return the paragraph's blocks."""
    found = facts.json["metrics/fairness.json"]
    if not found:
        return (text(Strong("Groups of people."), " The problem declares none, so nothing is known of them."),)
    alone = {name: one for name, one in found.items() if BETWEEN not in name}
    rows = tuple(_row(name, group, line) for name, one in alone.items() for group, line in one["groups"].items())
    header = ("cut", "group", "few", "records", "frauds", *(f"{name} ({LEVEL})".replace("_", " ") for name in SHOWN))
    crossed = {name: one for name, one in found.items() if BETWEEN in name}
    return (
        text(Strong("Groups of people.")),
        Table(header, rows, left=3),
        text("Between the groups of a cut that are not few: the largest difference, and the smallest rate divided by"
             " the largest."),
        _apart(alone),
        text(_limits(facts.audit)),
        *(_intersections(crossed, header) if crossed else ()),
    )  # fmt: skip


def widest_gap(facts: Facts) -> list[str]:
    """Return a sentence on the cut whose groups' recalls lie farthest apart; none where no two can be compared."""
    ends = []
    for cut, one in facts.json["metrics/fairness.json"].items():
        told = {g: f["recall"] for g, f in one["groups"].items() if not f["few"] and f["recall"] is not None}
        if BETWEEN not in cut and len(told) > 1:
            low, high = min(told, key=told.__getitem__), max(told, key=told.__getitem__)
            ends.append(
                (told[high] - told[low], cut, f"{number(told[low])} for {low}, {number(told[high])} for {high}")
            )
    return [f"Recall differs most between the groups of {max(ends)[1]}: {max(ends)[2]}."] if ends else []


def _limits(audit: AuditParams) -> str:
    """Return what the pipeline stops at."""
    words = {
        "a difference in recall of": audit.max_recall_difference,
        "a ratio of false positive rates of": audit.max_false_positive_ratio,
        "a ratio of observed to predicted frauds of": audit.max_calibration_ratio,
    }
    told = [f"{text} {limit:g}" for text, limit in words.items() if limit is not None]
    return f"The pipeline stops beyond {', or '.join(told)}, noise allowed for." if told else "No limit is set on them."


def _row(cut: str, group: str, line: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (number(line["records"]), number(line["frauds"]))
    return cut, Code(group), "few" if line["few"] else "", *counts, *(with_interval(line, name) for name in SHOWN)


def _apart(alone: Mapping[str, Any]) -> Table:
    rows = tuple(
        (name, Code(figure), number(one["between_groups"][figure]["difference"]),
         number(one["between_groups"][figure]["ratio"]))
        for name, one in alone.items()
        for figure in SHOWN
    )  # fmt: skip
    return Table(("cut", "figure", "difference", "ratio"), rows, left=2)


def _intersections(crossed: Mapping[str, Any], header: tuple[str, ...]) -> tuple[Block, ...]:
    """Return the intersections with the lowest recall, and the names of those with too few frauds."""
    lines = [(name, group, line) for name, one in crossed.items() for group, line in one["groups"].items()]
    judged = [line for line in lines if not line[2]["few"] and line[2]["recall"] is not None]
    rows = tuple(_row(*line) for line in sorted(judged, key=lambda line: line[2]["recall"])[:LOWEST])
    few = {name: [group for group, line in one["groups"].items() if line["few"]] for name, one in crossed.items()}
    blocks: list[Block] = []
    if rows:
        blocks += [text("Intersections with the lowest recall, of those that are not few:"), Table(header, rows, 3)]
    named = [(f"{name}: ", *listed(names, len(names))) for name, names in few.items() if names]
    if named:
        blocks += [text("Intersections with too few frauds to be judged:"), bullets(named)]
    return (*blocks, text("All of them stand in ", Code("metrics/fairness.json"), "."))
