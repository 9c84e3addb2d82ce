"""The model card: what the model is, what it is for, how good it is, and where it must not be trusted.

Its text is model_card.md.jinja beside this file; each number is read from what the stages wrote.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.audit.fairness import BETWEEN, SCALES, compared
from lifecycle.audit.slices import WHOLE
from lifecycle.core.file_hashes import File
from lifecycle.core.params import AuditParams
from lifecycle.core.tables import first_and_last, read_table
from lifecycle.document.markdown_template import between, fill, number
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.metrics import GROUPS
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.problem import Problem
from lifecycle.problem.purpose import NOT_DECLARED

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
INTERVAL = f"{LEVEL:g} % interval"
MINUTE = "%Y-%m-%d %H:%M"
MOST_FEATURES = 10
WORST_SLICES = LOWEST_INTERSECTIONS = 3

Line = tuple[str, str, Mapping[str, Any]]  # a cut, one of its groups, and its figures


class Window(NamedTuple):
    """The records of a file, from the first to the last."""

    first: str
    last: str
    records: int
    positives: int


class Facts(NamedTuple):
    """The content of a card."""

    name: str  # of the problem
    problem: Problem
    json: Mapping[str, Any]  # content of the files of metrics/ and models/, by path
    windows: Mapping[str, Window]  # "training" and "test"
    files: Sequence[File]
    versions: Mapping[str, str]
    delay_days: float
    audit: AuditParams  # limits on how differently groups may be treated


def window(path: str, problem: Problem) -> Window:
    """Return times and counts of a table of records."""
    first, last = first_and_last(path, problem.time_column)
    target = read_table(path, [problem.target])[problem.target]
    return Window(f"{first:{MINUTE}}", f"{last:{MINUTE}}", len(target), int(target.sum()))


def card(facts: Facts) -> str:
    """Return the card's Markdown."""
    content, problem, task = facts.json, facts.problem, task_of(facts.problem)
    stability, explanation = content["metrics/audit/stability.json"], content["metrics/explain/explanation.json"]
    ranked = sorted(explanation["features"].items(), key=lambda item: -item[1]["importance"])
    return fill(
        TEMPLATE,
        **facts._asdict(),
        interval=INTERVAL,
        words=problem.words,
        purpose=problem.purpose or NOT_DECLARED,
        recipe=content["models/hyperparameters.json"],
        columns={column["name"]: column for column in content["models/features.json"]["columns"]},
        quality=content["metrics/validate/data_quality.json"]["data"],
        split=content["metrics/split/split.json"]["split"],
        task=task,
        decision=decision_of(task.name, content["models/decision.json"]),
        chosen=content["metrics/decide/decision.json"]["decision"],
        evaluation=content["metrics/evaluate/evaluation.json"],
        intervals=content["metrics/evaluate/intervals.json"]["test"],
        seeds=stability["over_seeds"],
        aged=stability["with_age"],
        trend=_trend(task, stability["with_age"]),
        explanation=explanation,
        most_important=ranked[:MOST_FEATURES],
        **_slices(task, content["metrics/audit/slices.json"]),
        **_groups(task, content["metrics/audit/fairness.json"]),
        limits=_limits(task, facts.audit),
        group_metrics=task.shown(GROUPS),
    )


def _trend(task: Task, aged: Mapping[str, Any]) -> str:
    """Return a sentence on how the headline figure changes from one window to the next."""
    slope = aged[f"{task.headline}_per_window"]
    if slope["value"] is None:
        return "there are too few windows to tell how it changes."
    change = f"its {task.label(task.headline)} changes by {number(slope['value'])} per window"
    if slope["low"] is None:
        return f"{change}."
    noise = ", no more than noise" if slope["low"] <= 0 <= slope["high"] else ""
    return f"{change} ({INTERVAL}: {between((slope['low'], slope['high']))}){noise}."


def _worst(task: Task, lines: list[Line], figure: str, most: int) -> list[Line]:
    """Return the groups with the worst figure, of those that are large enough to have one."""
    large = [line for line in lines if not line[2]["few"] and line[2][figure] is not None]
    return sorted(large, key=lambda line: (task.direction(figure) or 1) * line[2][figure])[:most]


def _slices(task: Task, content: Mapping[str, Any]) -> dict[str, Any]:
    lines = [(cut, *item) for cut, values in content["slices"].items() if cut != WHOLE for item in values.items()]
    return {
        "lowest_slices": _worst(task, lines, task.headline, WORST_SLICES),
        "worst_slices": content["worst"][:WORST_SLICES],
    }


def _groups(task: Task, content: Mapping[str, Any]) -> dict[str, Any]:
    crossed = {cut: one["groups"] for cut, one in content.items() if BETWEEN in cut}
    single = {cut: one["groups"] for cut, one in content.items() if BETWEEN not in cut}
    few = {cut: [group for group, line in groups.items() if line["few"]] for cut, groups in crossed.items()}
    lines = [(cut, *item) for cut, groups in crossed.items() for item in groups.items()]
    return {
        "groups": [(cut, *item) for cut, groups in single.items() for item in groups.items()],
        "between_groups": {cut: content[cut]["between_groups"] for cut in single},
        "has_intersections": bool(crossed),
        "lowest_intersections": _worst(task, lines, compared(task), LOWEST_INTERSECTIONS),
        "few_intersections": {cut: names for cut, names in few.items() if names},
        "widest_gap": _widest_gap(task, single),
    }


def _widest_gap(task: Task, single: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the cut whose groups lie farthest apart by the figure compared; None where no two can be compared."""
    figure, ends = compared(task), []
    for cut, groups in single.items():
        lines = _worst(task, [(cut, *item) for item in groups.items()], figure, len(groups))
        if len(lines) > 1:
            (_, low, first), (_, high, last) = lines[0], lines[-1]
            ends.append({"cut": cut, "low": low, "high": high, "lowest": first[figure], "highest": last[figure]})
    return max(ends, key=lambda end: abs(end["highest"] - end["lowest"]), default=None)


def _limits(task: Task, audit: AuditParams) -> list[str]:
    """Return the limits at which the pipeline stops, in words."""
    names = {
        "max_recall_difference": "a difference in recall of",
        "max_false_positive_ratio": "a ratio of false positive rates of",
        "max_calibration_ratio": f"a ratio of observed to predicted {task.words.positives} of",
        "max_accuracy_difference": "a difference in accuracy of",
        "max_error_ratio": "a ratio of mean absolute errors of",
    }
    limits = {name: getattr(audit, key) for key, name in names.items() if key in SCALES[task.name]}
    return [f"{name} {limit:g}" for name, limit in limits.items() if limit is not None]
