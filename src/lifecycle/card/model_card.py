"""The model card: what the model is, what it is for, how good it is, and where it must not be trusted.

Its text is model_card.md.jinja beside this file; each number is read from what the stages wrote.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.audit.fairness import BETWEEN, SCALES, compared
from lifecycle.audit.slices import WHOLE
from lifecycle.core.hashes_and_versions import File
from lifecycle.core.params import AuditParams
from lifecycle.core.tables import WARNINGS, first_and_last, read_table
from lifecycle.document.markdown_template import Markdown, between, fill, number, table
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.class_decision import ClassDecision
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.metrics import GROUPS
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.problem import Problem
from lifecycle.problem.purpose import not_declared

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
INTERVAL = f"{LEVEL:g} % interval"
MINUTE = "%Y-%m-%d %H:%M"
MOST_FEATURES = 10
WORST_SLICES = LOWEST_INTERSECTIONS = 3

Line = tuple[str, str, Mapping[str, Any]]  # a cut, one of its groups, and its figures


class Window(NamedTuple):
    """The records of a file: times of the first and the last, if they have any, and counts."""

    first: str | None
    last: str | None
    records: int
    positives: int | None = None  # of a binary target
    classes: Mapping[str, int] = {}  # of several classes


class Facts(NamedTuple):
    """The content of a card."""

    name: str  # of the problem
    problem: Problem
    json: Mapping[str, Any]  # content of the files of metrics/ and models/, by path
    windows: Mapping[str, Window]  # "training" and "test"
    files: Sequence[File]
    versions: Mapping[str, str]
    delay_days: float
    strategy: str  # of the split
    fixed_threshold: bool  # whether params set it
    audit: AuditParams  # limits on how differently groups may be treated


def window(path: str, problem: Problem) -> Window:
    """Return times and counts of a table of records."""
    target = read_table(path, [problem.target])[problem.target]
    time = problem.time
    first, last = (None, None) if time is None else (f"{end:{MINUTE}}" for end in first_and_last(path, time))
    if problem.task == "binary":
        return Window(first, last, len(target), int(target.sum()))
    classes = {name: int((target == code).sum()) for code, name in enumerate(problem.class_names)}
    return Window(first, last, len(target), classes=classes)


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
        purpose=problem.purpose or not_declared(problem.task),
        recipe=content["models/hyperparameters.json"],
        columns={column["name"]: column for column in content["models/features.json"]["columns"]},
        quality=content["metrics/validate/data_quality.json"]["data"],
        split=content["metrics/split/split.json"]["split"],
        task=task,
        evaluation=content["metrics/evaluate/evaluation.json"],
        seeds=stability["over_seeds"],
        aged=stability["with_age"],
        trend=_trend(task, stability["with_age"]),
        explanation=explanation,
        most_important=ranked[:MOST_FEATURES],
        warnings=[(stage, sentence) for stage, path in WARNINGS.items() for sentence in content[path]],
        **_parts(problem, facts.strategy),
        **_decision(task, content),
        **_slices(task, content["metrics/audit/slices.json"]),
        **_groups(task, content["metrics/audit/fairness.json"]),
        **_counts(task),
        limits=_limits(task, facts.audit),
    )


def _parts(problem: Problem, strategy: str) -> dict[str, str]:
    """Return what the parts of the records are called, and how they were drawn."""
    drawn = {"group": f": whole {problem.words.entities}", "stratified": ", each class alike"}
    if strategy == "time":
        return {"part": "window", "drawn": "", "out_of_time": "Out of time, before the test window"}
    return {"part": "part", "drawn": drawn.get(strategy, ""), "out_of_time": "On parts that they were not made from"}


def _decision(task: Task, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decision, and what was chosen and found of it."""
    decision = decision_of(task.name, content["models/decision.json"])
    ends = content["metrics/evaluate/intervals.json"]["test"]
    return {
        "decision": decision,
        "chosen": content["metrics/decide/decision.json"]["decision"],
        "intervals": ends,
        "costs": _costs(task, decision) if task.name == "multiclass" else "",
        "held": _held(decision.coverage, ends.get("coverage")) if task.name == "regression" else "",
    }


def _costs(task: Task, decision: ClassDecision) -> Markdown:
    """Return the cost of each decision by true class as a table."""
    names, costs = task.problem.class_names, decision.costs or ()
    header = ("true class", *names, *(("abstaining",) if decision.can_abstain else ()))
    return table(header, [(name, *row) for name, row in zip(names, costs, strict=False)], most=len(names))


def _held(stated: float, ends: Sequence[float] | None) -> str:
    """Return whether intervals hold the stated share of truths, as far as noise lets tell."""
    if ends is None or ends[0] <= stated <= ends[1]:
        return "as stated, within noise"
    return f"{'less' if ends[1] < stated else 'more'} than stated by more than noise"


def _counts(task: Task) -> dict[str, Any]:
    """Return what is counted of slices and groups, by what people call it, and the figures shown of them."""
    words = {"records": "records", "positives": task.words.positives}
    return {
        "counts": {words[name]: name for name in task.counts},
        "counted": task.words.positives if task.counted == "positives" else task.words.records,
        "slice_metrics": list(dict.fromkeys((task.headline, *task.compared))),
        "compared": compared(task),
        "compared_label": f"{task.label(compared(task))[0].upper()}{task.label(compared(task))[1:]}",
    }


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
    groups_of_cuts = [(cut, *item) for cut, groups in single.items() for item in groups.items()]
    return {
        "groups": groups_of_cuts,
        "group_metrics": [name for name in task.shown(GROUPS) if all(name in line for *_, line in groups_of_cuts)],
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
