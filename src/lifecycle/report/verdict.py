"""The gate: whether the workspace's model is worse than the base's by more than a margin."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params, ReportParams
from lifecycle.document.markdown_template import Markdown, code
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.comparison import (
    SAME,
    Chance,
    Comparison,
    Difference,
    WithInterval,
    compare,
    same_scores,
    unpaired,
)
from lifecycle.evaluation.decision import decision_of
from lifecycle.evaluation.gates import is_not_worse
from lifecycle.evaluation.metrics import Figures
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.loading import fill
from lifecycle.problem.problem import Problem
from lifecycle.repository.revision_files import Revision, Workspace
from lifecycle.splits.time_windows import timing

SCORES, EVALUATION = "data/scores/test.parquet", "metrics/evaluate/evaluation.json"
SAME_SCORES = Markdown("Both name the same table of scores by its hash, so nothing of a difference is chance.")


class Rule(NamedTuple):
    """What the gate asks for: the figure, and what may be lost of it."""

    metric: str
    margin: float


class Verdict(NamedTuple):
    """Whether the gate passes, why, and the comparison behind it."""

    passes: bool
    sentence: Markdown
    figures: dict[str, Difference]
    how: Markdown  # the two were compared
    rule: Rule

    @property
    def reason(self) -> str:
        """The sentence without its marks, for a log."""
        return self.sentence.replace("*", "").replace("`", "")


def verdict(base: Revision, head: Workspace, params: Params, problem: Problem) -> Verdict:
    """Compare the two models, record by record where both tables of scores are there.

    Raises
    ------
    PipelineError
        One of the two has no figures, or not the one that decides.
    """
    for side in (base, head):
        if not side.json(EVALUATION):
            raise PipelineError(f"{side.name}: no {EVALUATION}; `dvc repro` writes it, then commit it")
    task = task_of(problem)
    rule, before, after = _rule(base, params.report, task), base.table(SCORES), head.table(SCORES)
    equal = have_same_scores(base, head)
    if before is not None and after is not None and _comparable(before, after, problem):
        comparison, how = _paired(before, after, (base, head), params, task)
    elif equal:
        comparison, how = same_scores(_with_intervals(base), _with_intervals(head), task), SAME_SCORES
    else:
        comparison = unpaired(_with_intervals(base), _with_intervals(head), task)
        how = _why_unpaired(base, before, after)
    figures = comparison.figures
    if rule.metric not in figures or not math.isfinite(figures[rule.metric].value):
        known = ", ".join(figures)
        raise PipelineError(f"report.metric = {rule.metric!r}: it must be a figure that both have; they have {known}")
    equal = equal or (before is not None and after is not None and before.equals(after))
    passes = equal or is_not_worse(comparison, rule.metric, rule.margin)  # equal scores need no margin
    return Verdict(passes, _sentence(figures[rule.metric], rule, passes, base.name), figures, how, rule)


def have_same_scores(base: Revision, head: Workspace) -> bool:
    """Tell whether both versions name the same table of scores, even where the table itself is in no place."""
    md5 = base.md5(SCORES)
    return md5 is not None and md5 == head.md5(SCORES)


def _rule(base: Revision, own: ReportParams, task: Task) -> Rule:
    """Return the base's rule where it has one: a change must not loosen the gate that it has to pass."""
    content = base.yaml("params.yaml").get("report")
    try:
        rule = ReportParams.model_validate(content) if content else own
    except ValidationError:  # the base's block is of another version of this program
        rule = own
    return Rule(rule.metric or task.headline, rule.margin)


def _comparable(before: pd.DataFrame, after: pd.DataFrame, problem: Problem) -> bool:
    """Return whether the tables share records: the same key, at the same time, with the same label."""
    roles = [name for name in (problem.key, problem.time, problem.target) if name is not None]
    shared, same = before[roles].merge(after[roles], on=problem.key), before[roles].merge(after[roles], on=roles)
    return len(same) == len(shared) > 0


def _have_equal_predictions(before: pd.DataFrame, after: pd.DataFrame, problem: Problem) -> bool:
    columns = [problem.key, *problem.prediction_columns()]
    return bool(before[columns].equals(after[columns]))


def _paired(
    before: pd.DataFrame, after: pd.DataFrame, sides: tuple[Revision, Workspace], params: Params, task: Task
) -> tuple[Comparison, Markdown]:
    (base, head), problem = sides, task.problem
    options = fill(params.evaluate, problem, "evaluate")
    days = timing(fill(params.split, problem, "split")).window_days
    decision = decision_of(task.name, head.json("models/decision.json"))  # the costs of one side, for both
    seeds = base.json("metrics/audit/stability.json").get("over_seeds", {}).get("figures", {})
    noise = "entities and training seeds give"
    if not seeds:
        noise = "entities give, as the base has no metrics/audit/stability.json"
    if _have_equal_predictions(before, after, problem):  # one model with two decisions at most: no seed comes between
        seeds, noise = {}, "entities give; the scores are equal, bit for bit"

    def figures_of(scored: pd.DataFrame) -> Callable[[np.ndarray | None], Figures]:
        return partial(task.figures, task.window(scored, decision, options, days))

    comparison = compare(before, after, task, figures_of, Chance(seeds, options.bootstrap_samples, options.seed))
    only = f" ({comparison.only_base:,} are in the base only, {comparison.only_other:,} in the head only)"
    where = f"on {comparison.records:,} records{only if comparison.only_base or comparison.only_other else ''}"
    return comparison, Markdown(f"Compared record by record {where}; the intervals are what chance in {noise}.")


def _with_intervals(side: Workspace) -> dict[str, WithInterval]:
    """Return each figure of a version with its interval, where it has one."""
    ends = side.json("metrics/evaluate/intervals.json").get("test", {})
    return {name: (value, ends.get(name)) for name, value in side.json(EVALUATION)["test"].items()}


def _why_unpaired(base: Revision, before: pd.DataFrame | None, after: pd.DataFrame | None) -> Markdown:
    wide = "so the intervals are those of two independent windows: wider than need be"
    if after is None:
        return Markdown(f"The workspace has no table of scores, {wide}. `dvc repro` makes it.")
    if before is None:
        command = code(f"python src/mlops.py report --base {base.name} --build-base")
        return Markdown(f"Neither the cache nor a remote has the base's table of scores, {wide}. {command} builds it.")
    return Markdown(f"The two test windows do not hold the same records, {wide}.")


def _sentence(difference: Difference, rule: Rule, passes: bool, base: str) -> Markdown:
    loss = max(0.0, -difference.floor)
    # "No difference" would be too much: with so wide an interval the model may be worse.
    is_unsure = difference.verdict == SAME and not passes
    opening = "No difference is shown" if is_unsure else difference.verdict.capitalize()
    return Markdown(
        f"**{opening}, and the gate {'passes' if passes else 'fails'}:** {code(rule.metric)} is {difference.other:.4f}"
        f" against {difference.base:.4f} of {code(base)}, a difference of {difference.value:+.4f} with the {LEVEL:g} %"
        f" interval {difference.low:+.4f} to {difference.high:+.4f}; at {LEVEL:g} % it is worse by at most {loss:.4f},"
        f" and {rule.margin:g} is allowed."
    )
