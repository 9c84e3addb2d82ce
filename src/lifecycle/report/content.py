"""What a report says, section by section."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lifecycle.core.errors import TIMES
from lifecycle.document.blocks import Block, Code, Document, Section, Strong, Text, listed, table, text
from lifecycle.evaluation.comparison import LOWER_IS_BETTER, SAME, Difference
from lifecycle.report import changes
from lifecycle.report.curves import at_points, curves, pictures
from lifecycle.report.drift import LARGE, SMALL, drift
from lifecycle.report.verdict import Judgement
from lifecycle.repository.revision import Revision, Workspace, out_hash

SLICES, FAIRNESS = "metrics/audit/slices.json", "metrics/audit/fairness.json"
SLICED = ("average_precision", "recall", "precision", "cost_per_record")
GROUPED = ("recall", "false_positive_rate", "selection_rate")
RAW, TRAIN = "data/raw/records.parquet", "data/splits/train.parquet"


def document(base: Revision, head: Workspace, judged: Judgement, notes: list[str]) -> Document:
    """Return the report.

    Parameters
    ----------
    base, head : Revision, Workspace
        The two versions.
    judged : Judgement
        The gate's verdict on them.
    notes : list of str
        What else a reader must know before anything else.
    """
    stale = changes.not_run(head.yaml("dvc.lock"), head.yaml("params.yaml"))
    if stale:
        first = text(
            Strong("Not run yet:"), " ", *listed(stale), " changed after the last run; ", Code("dvc repro"), "."
        )
        warnings: tuple[Block, ...] = (first, *map(text, notes))
    else:
        warnings = tuple(map(text, notes))
    sides = text("Base: ", Code(base.name), " at ", Code(base.commit[:8]), ". Head: the workspace.")
    sections = (
        Section("Metrics", _metrics(judged)),
        Section("Params", _params(base, head)),
        Section("Data", data(base, head)),
        _plots(base, head),
        Section("Slices and groups", slices_and_groups(base, head)),
        Section("Features", (_features(base, head),)),
        Section("Stages that ran", _stages(base, head)),
    )
    return Document("Model report", (judged.sentence, *warnings, sides), sections)


def _metrics(judged: Judgement) -> tuple[Block, ...]:
    rows = [(Code(name), *_cells(found)) for name, found in judged.figures.items()]
    header = ("figure (test window)", "base", "head", "difference", "95 % interval", "real")
    return table(header, rows), judged.how


def _cells(found: Difference) -> tuple[str, ...]:
    """Return a row of about four digits; an arrow only where the difference is more than chance."""
    size = max(abs(found.base), abs(found.other))
    digits = 2 if size >= 10 else 4 if size >= 0.02 else 6
    between = f"{found.low:+.{digits}f} to {found.high:+.{digits}f}" if found.low == found.low else "not known"
    real = "" if found.verdict == SAME else f"{'↑' if found.value > 0 else '↓'} {found.verdict}"
    return f"{found.base:.{digits}f}", f"{found.other:.{digits}f}", f"{found.value:+.{digits}f}", between, real


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
    found = changes.feature_changes(*sides)
    parts: list[str] = []
    for word, names in (("added: ", found.added), ("removed: ", found.removed), ("redefined: ", found.redefined)):
        if names:
            parts += [*(["; "] if parts else []), word, *listed(names, most=12)]
    return text(*parts, ".") if parts else text(f"The same {found.total} as in the base.")


def _stages(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    times = json.loads(head.text(str(TIMES)) or "{}")
    found = list(changes.stage_changes(base.yaml("dvc.lock"), head.yaml("dvc.lock")))
    if not found:
        return (text("None: every stage has the inputs that it had in the base."),)
    rows: list[tuple[str, ...]] = []
    for stage in found:
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
    slices, fairness = ([side.json(path) for side in (base, head)] for path in (SLICES, FAIRNESS))
    people = [{cut: found["groups"] for cut, found in content.items()} for content in fairness]
    return (
        *_changed("slice", [content.get("slices", {}) for content in slices], SLICED, SLICES),
        *_worst(slices[1].get("worst", [])),
        *_changed("group of people", people, GROUPED, FAIRNESS),
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


def data(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    """Return the section's blocks."""
    sides = [side.json("metrics/validate/data_quality.json").get("data", {}) for side in (base, head)]
    hashes = [out_hash(side.yaml("dvc.lock"), RAW) for side in (base, head)]
    rows: list[tuple[str, ...]] = []
    for key in dict.fromkeys((*sides[1], *sides[0])):
        before, after = (side.get(key) for side in sides)
        rows.append((key.replace("_", " "), _count(before), _count(after), "" if before == after else "changed"))
    same = "" if hashes[0] == hashes[1] else "changed"
    rows.append(("hash of the raw records", *(Code(found[:8]) if found else "-" for found in hashes), same))
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
