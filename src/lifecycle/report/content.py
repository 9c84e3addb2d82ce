"""What a report says, section by section."""

import json

from lifecycle.model.comparison import SAME, Difference
from lifecycle.report import changes
from lifecycle.report.curves import at_points, curves
from lifecycle.report.document import Block, Code, Document, Section, Strong, Text, listed, table, text
from lifecycle.report.drawing import pictures
from lifecycle.report.groups import slices_and_groups
from lifecycle.report.judgement import Judgement
from lifecycle.report.records import data
from lifecycle.report.revision import Revision, Workspace
from lifecycle.stage import TIMES


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
