"""What a report says, section by section."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lifecycle.core.errors import TIMES
from lifecycle.document.blocks import Block, Code, Document, Section, Strong, Text, listed, table, text
from lifecycle.evaluation.comparison import SAME, Difference
from lifecycle.evaluation.metrics import GROUPS, SLICES, direction, shown
from lifecycle.report import changes
from lifecycle.report.curves import at_points, curves, pictures
from lifecycle.report.drift import LARGE, SMALL, drift
from lifecycle.report.verdict import Verdict
from lifecycle.repository.revision import Revision, Workspace, out_hash

SLICES_FILE, FAIRNESS_FILE = "metrics/audit/slices.json", "metrics/audit/fairness.json"
RAW, TRAIN = "data/raw/records.parquet", "data/splits/train.parquet"


def document(base: Revision, head: Workspace, verdict: Verdict, notes: list[str]) -> Document:
    """Return the report.

    Parameters
    ----------
    base, head : Revision, Workspace
        The two versions.
    verdict : Verdict
        The gate's, on them.
    notes : list of str
        What else a reader must know first.
    """
    sides = text("Base: ", Code(base.name), " at ", Code(base.commit[:8]), ". Head: the workspace.")
    sections = (
        Section("Metrics", _metrics(verdict)),
        Section("Params", _params(base, head)),
        Section("Data", data(base, head)),
        _plots(base, head),
        Section("Slices and groups", slices_and_groups(base, head)),
        Section("Features", (_features(base, head),)),
        Section("Stages that ran", _stages(base, head)),
    )
    return Document("Model report", (verdict.sentence, *_not_run(head), *map(text, notes), sides), sections)


def _not_run(head: Workspace) -> tuple[Block, ...]:
    stale = changes.not_run(head.yaml("dvc.lock"), head.yaml("params.yaml"))
    if not stale:
        return ()
    words = (Strong("Not run yet:"), " ", *listed(stale), " changed after the last run; ", Code("dvc repro"), ".")
    return (text(*words),)


def _metrics(verdict: Verdict) -> tuple[Block, ...]:
    rows = [(Code(name), *_cells(difference)) for name, difference in verdict.figures.items()]
    header = ("figure (test window)", "base", "head", "difference", "95 % interval", "real")
    return table(header, rows), verdict.how


def _cells(difference: Difference) -> tuple[str, ...]:
    """Return a row of about four digits; an arrow only where the difference is more than chance."""
    base, other, value, low, high = difference[:5]
    size = max(abs(base), abs(other))
    digits = 2 if size >= 10 else 4 if size >= 0.02 else 6
    between = f"{low:+.{digits}f} to {high:+.{digits}f}" if math.isfinite(low) else "not known"
    real = "" if difference.verdict == SAME else f"{'↑' if value > 0 else '↓'} {difference.verdict}"
    return f"{base:.{digits}f}", f"{other:.{digits}f}", f"{value:+.{digits}f}", between, real


def _params(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    rows = changes.differences(base.yaml("params.yaml"), head.yaml("params.yaml"))
    if not rows:
        return (text("No value has changed."),)
    cells: list[tuple[str, ...]] = [tuple(map(Code, row)) for row in rows]
    return (table(("name", "base", "head"), cells, left=3),)


def _plots(base: Workspace, head: Workspace) -> Section:
    before, after = curves(base), curves(head)
    return Section("Plots", (*pictures(before, after), at_points(before, after)))


def _features(base: Workspace, head: Workspace) -> Text:
    sides = [side.json("models/features.json") for side in (base, head)]
    if not all(sides):
        return text("Not known: models/features.json is not there on both sides.")
    features = changes.feature_changes(*sides)
    parts: list[str] = []
    for kind in ("added", "removed", "redefined"):
        if names := getattr(features, kind):
            parts += [*(["; "] if parts else []), f"{kind}: ", *listed(names, most=12)]
    return text(*parts, ".") if parts else text(f"The same {features.total} as in the base.")


def _stages(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    times = json.loads(head.text(str(TIMES)) or "{}")
    stages = list(changes.stage_changes(base.yaml("dvc.lock"), head.yaml("dvc.lock")))
    if not stages:
        return (text("None: every stage has the inputs that it had in the base."),)
    rows: list[tuple[str, ...]] = []
    for stage in stages:
        seconds = times.get(stage.name)
        took = f"{seconds:.1f} s" if isinstance(seconds, int | float) else "not known"
        rows.append((Code(stage.name), Code(_reasons(stage)), f"{stage.outs[0]} of {stage.outs[1]}", took))
    return (table(("stage", "because of", "outputs that differ", "last run here"), rows, left=2),)


def _reasons(stage: changes.Stage) -> str:
    kinds = (
        ("", stage.params, 3),
        ("", stage.data, 2),
        ("code: ", [path.removeprefix("src/") for path in stage.code], 2),
    )
    parts = [prefix + "".join(listed(names, most)) for prefix, names, most in kinds if names]
    return "; ".join(parts) or "its command"


class GroupChange(NamedTuple):
    """A figure of a group in both versions."""

    cut: str
    group: str
    figure: str
    base: float
    head: float
    text: str


def slices_and_groups(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    """Return the section's blocks."""
    slices, fairness = ([side.json(path) for side in (base, head)] for path in (SLICES_FILE, FAIRNESS_FILE))
    people = [{cut: one["groups"] for cut, one in content.items()} for content in fairness]
    return (
        *_group_table("slice", [content.get("slices", {}) for content in slices], shown(SLICES), SLICES_FILE),
        *_worst(slices[1].get("worst", [])),
        *_group_table("group of people", people, shown(GROUPS), FAIRNESS_FILE),
    )


def _group_table(kind: str, sides: list[dict[str, Any]], figures: list[str], path: str) -> list[Block]:
    if not all(sides):
        return [text("No comparison by ", kind, ": ", Code(path), " is not there on both sides.")]
    lines = group_changes(sides[0], sides[1], figures)
    if not lines:
        return [text(f"No {kind} has changed by more than its intervals allow.")]
    rows = [
        (line.cut, Code(line.group), Code(line.figure), f"{line.base:.4f}", f"{line.head:.4f}", line.text)
        for line in lines
    ]
    return [table((kind, "which", "figure", "base", "head", "change"), rows, left=3, most=15)]


def _worst(lines: list[dict[str, Any]]) -> list[Block]:
    header = ("worst slice of the head", "which", "figure", "there", "on the whole")
    rows = [
        (line["slice"], Code(line["value"]), Code(line["figure"]), f"{line['at']:.4f}", f"{line['of_whole']:.4f}")
        for line in lines
    ]
    return [table(header, rows, left=3)] if rows else []


def group_changes(base: Mapping[str, Any], head: Mapping[str, Any], figures: Sequence[str]) -> list[GroupChange]:
    """Return the figures that each lie outside the other version's 95 % interval; groups with too few are left out."""
    return [
        line
        for cut, groups in head.items()
        for group, after in groups.items()
        if (before := base.get(cut, {}).get(group)) and not (after["few"] or before["few"])
        for line in _of_group(cut, group, (before, after), figures)
    ]


def _of_group(
    cut: str, group: str, sides: tuple[Mapping[str, Any], Mapping[str, Any]], figures: Sequence[str]
) -> Iterator[GroupChange]:
    for figure in figures:
        before, after = (side.get(figure) for side in sides)
        if before is None or after is None or not all(_has_interval(side, figure) for side in sides):
            continue
        if _outside(after, sides[0], figure) and _outside(before, sides[1], figure):
            better = direction(figure) * (after - before)
            change = "better" if better > 0 else "worse" if better < 0 else ""
            yield GroupChange(cut, group, figure, before, after, f"{'↑' if after > before else '↓'} {change}".strip())


def _has_interval(side: Mapping[str, Any], figure: str) -> bool:
    return side.get(f"{figure}_low") is not None and side.get(f"{figure}_high") is not None


def _outside(value: float, side: Mapping[str, Any], figure: str) -> bool:
    return not side[f"{figure}_low"] <= value <= side[f"{figure}_high"]


def data(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    """Return the section's blocks."""
    sides = [side.json("metrics/validate/data_quality.json").get("data", {}) for side in (base, head)]
    hashes = [out_hash(side.yaml("dvc.lock"), RAW) for side in (base, head)]
    rows: list[tuple[str, ...]] = []
    for key in dict.fromkeys((*sides[1], *sides[0])):
        before, after = (side.get(key) for side in sides)
        rows.append((key.replace("_", " "), _count(before), _count(after), "" if before == after else "changed"))
    same = "" if hashes[0] == hashes[1] else "changed"
    rows.append(("hash of the raw records", *(Code(md5[:8]) if md5 else "-" for md5 in hashes), same))
    return table(("records", "base", "head", "change"), rows), *_drift(base, head)


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)


def _drift(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    contract, train = base.json("models/features.json"), head.table(TRAIN)
    if not contract or train is None:
        missing = "the base's models/features.json" if not contract else f"the workspace's {TRAIN}"
        return (text(f"Drift of the features is not known: {missing} is not there."),)
    rows = [(Code(name), f"{value:.3f}", _size(value)) for name, value in drift(contract, train).items()]
    about = text(
        "Population stability index of the training rows, in the bins of the base's quantiles: from",
        f" {SMALL:g} a moderate, from {LARGE:g} a large shift (Siddiqi 2006).",
    )
    return table(("feature", "index", "shift"), rows, most=12), about


def _size(index: float) -> str:
    return "large" if index >= LARGE else "moderate" if index >= SMALL else ""
