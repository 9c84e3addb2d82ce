"""Slices and groups of people whose figures differ between two versions by more than their intervals allow."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lifecycle.model.comparison import LOWER_IS_BETTER
from lifecycle.report.document import Block, Code, table, text
from lifecycle.report.revision import Workspace

SLICED = ("average_precision", "recall", "precision", "cost_per_record")
GROUPED = ("recall", "false_positive_rate", "selection_rate")


class Moved(NamedTuple):
    """A figure of a group in both versions."""

    cut: str
    group: str
    figure: str
    base: float
    head: float
    word: str


def slices_and_groups(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    """Return the section's blocks."""
    slices, fairness = ([side.json(f"metrics/{name}.json") for side in (base, head)] for name in ("slices", "fairness"))
    people = [{cut: found["groups"] for cut, found in content.items()} for content in fairness]
    return (
        *_changed("slice", [content.get("slices", {}) for content in slices], SLICED, "metrics/slices.json"),
        *_worst(slices[1].get("worst", [])),
        *_changed("group of people", people, GROUPED, "metrics/fairness.json"),
    )


def _changed(what: str, sides: list[dict[str, Any]], figures: tuple[str, ...], path: str) -> list[Block]:
    if not all(sides):
        return [text("No comparison by ", what, ": ", Code(path), " is not there on both sides.")]
    lines = moved(sides[0], sides[1], figures)
    if not lines:
        return [text(f"No {what} has changed by more than its intervals allow.")]
    rows = [
        (line.cut, Code(line.group), Code(line.figure), f"{line.base:.4f}", f"{line.head:.4f}", line.word)
        for line in lines
    ]
    return [table((what, "which", "figure", "base", "head", "change"), rows, left=3, most=15)]


def _worst(lines: list[dict[str, Any]]) -> list[Block]:
    header = ("worst slice of the head", "which", "figure", "there", "on the whole")
    rows = [
        (line["slice"], Code(line["value"]), Code(line["figure"]), f"{line['at']:.4f}", f"{line['of_whole']:.4f}")
        for line in lines
    ]
    return [table(header, rows, left=3)] if rows else []


def moved(base: Mapping[str, Any], head: Mapping[str, Any], figures: tuple[str, ...]) -> list[Moved]:
    """Return the figures that each lie outside the other version's 95 % interval; groups with too few are left out."""
    return [
        line
        for cut, groups in head.items()
        for group, after in groups.items()
        if (before := base.get(cut, {}).get(group)) and not (after["few"] or before["few"])
        for line in _of_group(cut, group, (before, after), figures)
    ]


def _of_group(
    cut: str, group: str, sides: tuple[Mapping[str, Any], Mapping[str, Any]], figures: tuple[str, ...]
) -> Iterator[Moved]:
    for figure in figures:
        before, after = (side.get(figure) for side in sides)
        if before is None or after is None or not all(_ends(side, figure) for side in sides):
            continue
        if _outside(after, sides[0], figure) and _outside(before, sides[1], figure):
            rose = after > before
            falls_well = figure in LOWER_IS_BETTER or figure == "false_positive_rate"
            word = "" if figure == "selection_rate" else "better" if rose != falls_well else "worse"
            yield Moved(cut, group, figure, before, after, f"{'↑' if rose else '↓'} {word}".strip())


def _ends(side: Mapping[str, Any], figure: str) -> bool:
    return side.get(f"{figure}_low") is not None and side.get(f"{figure}_high") is not None


def _outside(value: float, side: Mapping[str, Any], figure: str) -> bool:
    return not side[f"{figure}_low"] <= value <= side[f"{figure}_high"]
