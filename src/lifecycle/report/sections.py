"""The content of a report, section by section; its text is report.md.jinja beside this file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lifecycle.core.errors import TIMES
from lifecycle.document.markdown_template import code, fill
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.comparison import SAME, Difference
from lifecycle.evaluation.metrics import GROUPS, SLICES
from lifecycle.evaluation.tasks.task import Task
from lifecycle.report import changes
from lifecycle.report.curves import at_points, curves
from lifecycle.report.drift import LARGE, SMALL, drift
from lifecycle.report.verdict import Verdict
from lifecycle.repository.revision_files import Revision, Workspace, out_hash

TEMPLATE = Path(__file__).with_name("report.md.jinja")
SLICES_FILE, FAIRNESS_FILE = "metrics/audit/slices.json", "metrics/audit/fairness.json"
RAW, TRAIN = "data/raw/records.parquet", "data/splits/train.parquet"

Row = tuple[str, ...]


def markdown(content: Mapping[str, Any], pictures: Sequence[str] = ()) -> str:
    """Return the report's Markdown; without pictures for a place that can't show files, such as a comment."""
    return fill(TEMPLATE, **content, pictures=pictures)


def sections(base: Revision, head: Workspace, task: Task, verdict: Verdict, notes: list[str]) -> dict[str, Any]:
    """Return what the template shows of two versions; the notes stand at the top."""
    changed = changes.differences(base.yaml("params.yaml"), head.yaml("params.yaml"))
    return {
        "sentence": verdict.sentence,
        "stale": changes.not_run(head.yaml("dvc.lock"), head.yaml("params.yaml")),
        "notes": notes,
        "base": base,
        "interval": f"{LEVEL:g} % interval",
        "metrics": [(code(name), *_cells(difference)) for name, difference in verdict.figures.items()],
        "how": verdict.how,
        "warnings": head.warnings(),
        "params": [tuple(map(code, row)) for row in changed],
        "data": data(base, head),
        "drift": _drift(base, head),
        "small": f"{SMALL:g}",
        "large": f"{LARGE:g}",
        "points": at_points(curves(base), curves(head)) if task.name == "binary" else [],
        **slices_and_groups(base, head, task),
        "features": _features(base, head),
        "stages": _stages(base, head),
    }


def _cells(difference: Difference) -> Row:
    """Return a row of about four digits; an arrow only where the difference is more than chance."""
    base, other, value, low, high = difference[:5]
    size = max(abs(base), abs(other))
    digits = 2 if size >= 10 else 4 if size >= 0.02 else 6
    between = f"{low:+.{digits}f} to {high:+.{digits}f}" if math.isfinite(low) else "not known"
    change = "" if difference.verdict == SAME else f"{'↑' if value > 0 else '↓'} {difference.verdict}"
    return f"{base:.{digits}f}", f"{other:.{digits}f}", f"{value:+.{digits}f}", between, change


def data(base: Workspace, head: Workspace) -> list[Row]:
    """Return the counts of both versions, and the hashes of their raw records."""
    sides = [_flat(side.json("metrics/validate/data_quality.json").get("data", {})) for side in (base, head)]
    hashes = [out_hash(side.yaml("dvc.lock"), RAW) for side in (base, head)]
    rows: list[Row] = []
    for key in dict.fromkeys((*sides[1], *sides[0])):
        before, after = (side.get(key) for side in sides)
        rows.append((key, _count(before), _count(after), "" if before == after else "changed"))
    same = "" if hashes[0] == hashes[1] else "changed"
    rows.append(("hash of the raw records", *(code(md5[:8]) if md5 else "-" for md5 in hashes), same))
    return rows


def _flat(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts by their names in plain words, those of the classes one by one."""
    by_class = {f"class {name}": count for name, count in counts.get("classes", {}).items()}
    return {key.replace("_", " "): value for key, value in counts.items() if key != "classes"} | by_class


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)


def _drift(base: Workspace, head: Workspace) -> list[Row] | str:
    """Return the drift of each feature, or what is missing to know it."""
    contract, train = base.json("models/features.json"), head.table(TRAIN)
    if not contract or train is None:
        return "the base's models/features.json" if not contract else f"the workspace's {TRAIN}"
    return [(code(name), f"{index:.3f}", _size(index)) for name, index in drift(contract, train).items()]


def _size(index: float) -> str:
    return "large" if index >= LARGE else "moderate" if index >= SMALL else ""


def slices_and_groups(base: Workspace, head: Workspace, task: Task) -> dict[str, Any]:
    """Return the changes of slices and groups (None: not known), and the worst slices of the head."""
    slices, fairness = ([side.json(path) for side in (base, head)] for path in (SLICES_FILE, FAIRNESS_FILE))
    by_slice = [content.get("slices", {}) for content in slices]
    by_group = [{cut: one["groups"] for cut, one in content.items()} for content in fairness]
    return {
        "groups": [
            ("slice", SLICES_FILE, group_changes(by_slice, task, SLICES) if all(by_slice) else None),
            ("group of people", FAIRNESS_FILE, group_changes(by_group, task, GROUPS) if all(by_group) else None),
        ],
        "worst": [
            (line["slice"], code(line["value"]), code(line["figure"]), f"{line['at']:.4f}", f"{line['of_whole']:.4f}")
            for line in slices[1].get("worst", [])
        ],
    }


def group_changes(sides: Sequence[Mapping[str, Any]], task: Task, part: str) -> list[Row]:
    """Return the figures that each lie outside the other version's 95 % interval; groups with too few are left out.

    A row is the cut, the group, the figure, its two values, and the change.
    """
    base, head = sides
    rows: list[Row] = []
    for cut, groups in head.items():
        for group, after in groups.items():
            before = base.get(cut, {}).get(group)
            if before and not (after["few"] or before["few"]):
                moved = [name for name in task.shown(part) if _has_changed(before, after, name)]
                rows += [(cut, code(group), code(name), *_change(before, after, name, task)) for name in moved]
    return rows


def _has_changed(before: Mapping[str, Any], after: Mapping[str, Any], figure: str) -> bool:
    names = (figure, f"{figure}_low", f"{figure}_high")
    if any(side.get(name) is None for side in (before, after) for name in names):
        return False
    (first, *interval), (second, *other) = ([side[name] for name in names] for side in (before, after))
    return not (interval[0] <= second <= interval[1] or other[0] <= first <= other[1])


def _change(before: Mapping[str, Any], after: Mapping[str, Any], figure: str, task: Task) -> Row:
    old, new = before[figure], after[figure]
    better = task.direction(figure) * (new - old)
    change = "better" if better > 0 else "worse" if better < 0 else ""
    return f"{old:.4f}", f"{new:.4f}", f"{'↑' if new > old else '↓'} {change}".strip()


def _features(base: Workspace, head: Workspace) -> dict[str, Any]:
    sides = [side.json("models/features.json") for side in (base, head)]
    if not all(sides):
        return {}
    features = changes.feature_changes(*sides)
    kinds = {kind: getattr(features, kind) for kind in ("added", "removed", "redefined")}
    return {"total": features.total, "changed": {kind: names for kind, names in kinds.items() if names}}


def _stages(base: Workspace, head: Workspace) -> list[Row]:
    times = head.json(str(TIMES))
    rows: list[Row] = []
    for stage in changes.stage_changes(base.yaml("dvc.lock"), head.yaml("dvc.lock")):
        seconds = times.get(stage.name)
        took = f"{seconds:.1f} s" if isinstance(seconds, int | float) else "not known"
        rows.append((code(stage.name), code(_reasons(stage)), f"{stage.outs[0]} of {stage.outs[1]}", took))
    return rows


def _reasons(stage: changes.Stage) -> str:
    folders = [path.removeprefix("src/") for path in stage.code]
    kinds = (("", stage.params, 3), ("", stage.data, 2), ("code: ", folders, 2))
    return "; ".join(prefix + _joined(names, most) for prefix, names, most in kinds if names) or "its command"


def _joined(names: list[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
