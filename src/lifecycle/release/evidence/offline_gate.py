"""The gate before anything is tried: whether a version holds on the test records, is whole, fast and reproducible.

The figures are those that the report and the audit judge by, computed again from the two tables of scores: a file of
figures may be older than what it speaks of.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.audit import fairness
from lifecycle.audit.group_metrics import Groups
from lifecycle.bundle.manifest import verify
from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams, Params
from lifecycle.evaluation.comparison import Chance, Comparison, compare
from lifecycle.evaluation.decision import Decision, decision_of
from lifecycle.evaluation.metrics import SLICES, Figures
from lifecycle.evaluation.scored_window import ScoredWindow
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.loading import fill
from lifecycle.problem.problem import Problem
from lifecycle.problem.slice_definitions import assign
from lifecycle.release.evidence.gate_result import Check, GateResult, State, gate_result
from lifecycle.report.verdict import SCORES, verdict
from lifecycle.repository.revision_files import Revision, Workspace
from lifecycle.splits.time_windows import timing

TEST, DECISION = "data/splits/test.parquet", "models/decision.json"
TIMED, WARM_UP = 500, 50  # records that are scored one by one, and those of them that no time is taken of


class Decided(NamedTuple):
    """What turns a table of scores into figures."""

    decision: Decision
    params: Params
    problem: Problem

    def window(self, scored: pd.DataFrame) -> ScoredWindow:
        """Return a table of scores as arrays."""
        options = fill(self.params.evaluate, self.problem, "evaluate")
        days = timing(fill(self.params.split, self.problem, "split")).window_days
        return task_of(self.problem).window(scored, self.decision, options, days)

    @property
    def audit(self) -> AuditParams:
        """The block `audit`."""
        return fill(self.params.audit, self.problem, "audit")


def offline_gate(
    params: Params,
    problem: Problem,
    sides: tuple[Revision | None, Workspace],
    bundle: Path,
    reproduce: Callable[[], None] | None = None,
) -> GateResult:
    """Judge a version before it is tried.

    Parameters
    ----------
    params : Params
        Content of params.yaml.
    problem : Problem
        Whose records they are.
    sides : (Revision or None, Workspace)
        The version that answers now, None where none does yet, and the one that shall be tried.
    bundle : Path
        Of the one that shall be tried.
    reproduce : callable, optional
        Raises a PipelineError where a fresh clone makes another bundle: `lifecycle.repository.reproducibility.prove`.
        It is asked only where `release.offline.reproducible` is set, and last, as it takes long.

    Raises
    ------
    PipelineError
        One of the two has no figures at all: there is nothing to judge.
    """
    base, head = sides
    decided = Decided(decision_of(problem.task, head.json(DECISION)), params, problem)
    after, checks = head.table(SCORES), [_whole(bundle)]
    if base is not None:
        checks += [_headline(base, head, params, problem), _slices(base.table(SCORES), after, decided)]
    checks.append(_fair(after, decided))
    if checks[0].state == "passes":
        checks.append(_fast(bundle, head.table(TEST), params.release.offline.latency_ms))
    if params.release.offline.reproducible:
        checks.append(_reproducible(reproduce))
    return gate_result(checks)


def _whole(bundle: Path) -> Check:
    try:
        manifest = verify(bundle)
    except PipelineError as error:
        return Check("bundle", None, None, "refuses", f"{error}.")
    files = len(manifest.content["files"])
    sentence = f"The {files} files of {manifest.content['name']} {manifest.version} are what its manifest says."
    return Check("bundle", files, files, "passes", sentence)


def _headline(base: Revision, head: Workspace, params: Params, problem: Problem) -> Check:
    found = verdict(base, head, params, problem)
    metric, margin = found.rule
    state: State = "passes" if found.passes else "refuses"
    return Check(metric, found.figures[metric].floor, -margin, state, found.reason)


def _slices(before: pd.DataFrame | None, after: pd.DataFrame | None, decided: Decided) -> Check:
    margin = decided.params.release.offline.slice_margin
    if before is None or after is None:
        side = "base" if before is None else "workspace"
        sentence = f"The {side} has no table of scores, so nothing is known of the slices; `dvc repro` makes it."
        return Check("slices", None, -margin, "unknown", sentence)
    found = slice_differences(before, after, decided).figures
    if not found:
        return Check("slices", None, -margin, "passes", "No slice is large enough to be judged.")
    worst = min(found, key=lambda name: found[name].floor)
    figure, loser = found[worst].floor, [name for name, one in found.items() if not one.floor > -margin]
    figure_name = fairness.compared(task_of(decided.problem))
    named = f" Beyond it: {'; '.join(loser)}." if loser else ""
    sentence = (
        f"Of {len(found)} slices {worst} may have lost most: {figure_name} {found[worst].value:+.4f}, at 95 % worse by"
        f" at most {max(0.0, -figure):.4f}, and {margin:g} is allowed.{named}"
    )
    return Check("slices", figure, -margin, "refuses" if loser else "passes", sentence)


def slice_differences(before: pd.DataFrame, after: pd.DataFrame, decided: Decided) -> Comparison:
    """Compare two tables of scores slice by slice, record by record: recall, accuracy, or the mean absolute error.

    The error is compared as a share of the error of the whole slice of the base, with its sign turned: more is better
    everywhere. A slice with fewer than `audit.min_positives` of what its kind of target counts is left out.
    """
    task, audit = task_of(decided.problem), decided.audit
    scale: Figures = {}
    if task.direction(fairness.compared(task)) < 0:
        scale = _slice_figures(task, before, decided)(None)

    def figures_of(scored: pd.DataFrame) -> Callable[[np.ndarray | None], Figures]:
        own = _slice_figures(task, scored, decided)
        if not scale:
            return own
        return lambda copies: {name: -value / (scale[name] or 1.0) for name, value in own(copies).items()}

    return compare(before, after, task, figures_of, Chance({}, audit.samples, audit.seed))


def _slice_figures(task: Task, scored: pd.DataFrame, decided: Decided) -> Callable[[np.ndarray | None], Figures]:
    """Return a function from copies of each entity to a figure of each slice that is large enough."""
    window, figure, least = decided.window(scored), fairness.compared(task), decided.audit.min_positives
    metric = next(one for one in task.metrics_of(SLICES, window) if one.name == figure)
    cuts = {band.name: Groups(window, assign(band, scored)) for band in task.problem.slices}
    large = {name: groups.sample().total(task.counts[task.counted]) >= least for name, groups in cuts.items()}

    def figures(copies: np.ndarray | None) -> Figures:
        return {
            f"{cut} {name!r}": float(value)
            for cut, groups in cuts.items()
            for name, value, kept in zip(groups.names, metric.function(groups.sample(copies)), large[cut], strict=True)
            if kept
        }

    return figures


def _fair(scored: pd.DataFrame | None, decided: Decided) -> Check:
    """Hold groups of people against the limits of the block `audit`, as the stage does."""
    if scored is None:
        return Check("fairness", None, None, "unknown", "The workspace has no table of scores; `dvc repro` makes it.")
    task, audit, groups = task_of(decided.problem), decided.audit, decided.problem.groups
    by_group = fairness.audit(task, decided.window(scored), scored, groups, (audit.samples, audit.seed))
    figure = fairness.compared(task)
    limit = next(iter(getattr(audit, key) for key in fairness.SCALES[task.name]))
    distance = fairness.largest_difference(by_group, figure, audit.min_positives)
    try:
        fairness.check_fairness(task, by_group, audit)
    except PipelineError as error:
        return Check("fairness", distance, limit, "refuses", f"{error}.")
    shown = "no two groups are large enough" if distance is None else f"groups differ by up to {distance:.3f}"
    few = "".join(f" {sentence}." for sentence in fairness.not_judged(task, by_group, audit))
    sentence = f"No limit of the block audit is broken beyond noise; in {figure} {shown}.{few}"
    return Check("fairness", distance, limit, "passes", sentence)


def _fast(bundle: Path, rows: pd.DataFrame | None, limit: float) -> Check:
    if rows is None or rows.empty:
        sentence = f"There is no record to score: {TEST} is missing; `dvc repro` makes it."
        return Check("latency", None, limit, "unknown", sentence)
    seconds = np.fromiter(_seconds(Servable.load(bundle, verify=False), rows), dtype=np.float64)
    figure = float(np.percentile(seconds[WARM_UP:], 99)) * 1e3
    state: State = "passes" if figure <= limit else "refuses"
    sentence = (
        f"A record is scored in {figure:.2f} ms, the 99th percentile of {TIMED - WARM_UP}; {limit:g} are allowed."
    )
    return Check("latency", figure, limit, state, sentence)


def _seconds(servable: Servable, rows: pd.DataFrame) -> Iterator[float]:
    """Score records one by one, and yield how long each takes, with its features at hand."""
    batches = [as_batch(servable, rows[place : place + 1]) for place in range(min(len(rows), TIMED))]
    for turn in range(TIMED):
        start = time.perf_counter()
        servable.score(batches[turn % len(batches)])
        yield time.perf_counter() - start


def _reproducible(reproduce: Callable[[], None] | None) -> Check:
    if reproduce is None:
        sentence = "Nobody has shown that a fresh clone makes the same bundle; `python src/mlops.py verify` does."
        return Check("reproducible", None, None, "unknown", sentence)
    try:
        reproduce()
    except PipelineError as error:
        return Check("reproducible", 0, 1, "refuses", f"{error}.")
    return Check("reproducible", 1, 1, "passes", "A fresh clone makes the same bundle.")
