"""What a kind of target must know: its metrics, how a model's answer becomes a decision, and what it must beat."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.headline_metric import HEADLINES, quality
from lifecycle.core.params import DecideParams, EvaluateParams
from lifecycle.core.tables import read_json
from lifecycle.evaluation.decision import Decision, decision_of
from lifecycle.evaluation.metrics import WINDOW, Figures, Metric, in_words, records
from lifecycle.evaluation.probability_calibration import windows_out_of_time
from lifecycle.evaluation.scored_window import Column, Sample, ScoredWindow
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import Timing


class Chosen(NamedTuple):
    """What the stage `decide` chose."""

    decision: Decision
    figures: dict[str, Any]  # of metrics/decide/decision.json
    tables: dict[str, pd.DataFrame]  # for plots, by file name


class Task(ABC):
    """A kind of target, for one problem.

    Attributes
    ----------
    name : str
        What `Problem.task` calls it.
    headline : str
        The metric that gates, importance, ageing and the search go by.
    compared : tuple of str
        The metrics by which a slice is held against the whole.
    counts : mapping of str to column
        What is counted of a slice or a group.
    counted : str
        The one of them that must be at least `audit.min_positives` for a slice or group to be judged.
    baseline : str
        The model family of the linear model that every model must beat.
    """

    name: ClassVar[str]
    compared: ClassVar[tuple[str, ...]]
    counts: ClassVar[Mapping[str, Column]] = {"records": records}
    counted: ClassVar[str] = "records"
    baseline: ClassVar[str] = "logistic_regression"

    def __init__(self, problem: Problem) -> None:
        self.problem, self.words = problem, problem.words
        self.headline = HEADLINES[self.name].name
        self.metrics = {metric.name: metric for metric in self._metrics()}

    @abstractmethod
    def _metrics(self) -> tuple[Metric, ...]:
        """Return the metrics in the order of the files."""

    @abstractmethod
    def choose(self, scores: pd.DataFrame, params: DecideParams, timing: Timing) -> Chosen:
        """Make the decision from out-of-time scores of the validation windows."""

    @abstractmethod
    def decided_columns(self, prediction: np.ndarray, decision: Any) -> dict[str, np.ndarray]:
        """Return the columns of a table of scores that a model's predictions and the decision give."""

    @property
    def decided_codes(self) -> Mapping[str, Sequence[int]]:
        """What can stand in the columns of `decided_columns` that hold a code; nothing where nothing is chosen."""
        return {}

    @abstractmethod
    def losses(self, scored: pd.DataFrame) -> np.ndarray:
        """Return the loss of each record of a table of scores, float64 of shape (n,); NaN where its label is missing.

        It is what a model is watched by in service: a mean that any day of records has.
        """

    def costs(self, window: Any) -> Mapping[str, np.ndarray]:
        """Return what each record of a window costs as the `model` decides, and with `no_model`, each of shape (n,).

        Nothing where decisions have no cost.
        """
        return {}

    @abstractmethod
    def window(self, scored: pd.DataFrame, decision: Any, options: EvaluateParams, days: float | None) -> ScoredWindow:
        """Bring a table of scores of so many days into arrays."""

    @abstractmethod
    def baselines(self, scored: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
        """Return the headline metric of the simple predictions that a model must beat.

        `scored` has the baseline model's columns, `train` target and entity of the training rows, in their order.
        """

    @abstractmethod
    def plot_tables(self, window: Any) -> dict[str, pd.DataFrame]:
        """Return the tables of a scored window that `dvc plots` draws, by file name."""

    @abstractmethod
    def draw(self, tables: Path, decide_tables: Path, decision: Any, target: Path) -> None:
        """Draw the evaluation as one picture, from the tables of the stages `evaluate` and `decide`."""

    def windows_out_of_time(self, scores: pd.DataFrame, timing: Timing) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return what was known at the start of each validation fold, and the fold; see probability_calibration."""
        time, delay = self.problem.time, timing.delay
        times = None if time is None or delay is None else scores[time].to_numpy()
        return windows_out_of_time(scores["fold"].to_numpy(), times, None if delay is None else delay.to_numpy())

    @abstractmethod
    def decision_in_words(self, chosen: Mapping[str, Any]) -> str:
        """Return a line on the decision, from the figures of metrics/decide/decision.json."""

    def read_decision(self, path: str | Path = "models/decision.json") -> Any:
        """Read the decision that the stage `decide` wrote."""
        return decision_of(self.name, read_json(path))

    def score_table(self, records: pd.DataFrame, prediction: np.ndarray, decision: Any) -> pd.DataFrame:
        """Return identity, predictions and decision of each record."""
        identity = records[self.problem.identity()].reset_index(drop=True)
        return identity.assign(**self.problem.as_columns(prediction), **self.decided_columns(prediction, decision))

    def figures(self, window: ScoredWindow, copies: np.ndarray | None = None) -> Figures:
        """Return every metric of a window, or of the resample that holds each entity `copies` (entities,) times.

        What a resample does not define is NaN: a 0 for a rare class that it lacks would widen the class's intervals.
        """
        sample = Sample(window, copies)
        values = {
            metric: float(np.asarray(metric.function(sample)).item()) for metric in self.metrics_of(WINDOW, window)
        }
        return {
            metric.name.format(k=getattr(window, "top_k", "")): metric.undefined
            if copies is None and math.isnan(value)
            else value
            for metric, value in values.items()
        }

    def metrics_of(self, part: str, window: ScoredWindow | None = None) -> list[Metric]:
        """Return the metrics that are computed of the window, of its slices or of its groups.

        With a window, those alone for which it has what they need.
        """
        return [
            metric
            for metric in self.metrics.values()
            if part in metric.parts
            and (window is None or all(getattr(window, field) is not None for field in metric.needs))
        ]

    def shown(self, part: str) -> list[str]:
        """Return the names that report and card show of slices or groups; those without a direction come last."""
        return [
            metric.name for metric in sorted(self.metrics_of(part), key=lambda one: one.direction == 0) if metric.shown
        ]

    def metric_named(self, name: str) -> Metric | None:
        """Return the metric that a file calls by that name, None for one that this version does not know."""
        return self.metrics.get(name) or self.metrics.get(re.sub(r"_at_\d+$", "_at_{k}", name))

    def direction(self, name: str) -> int:
        """Return which way a figure is better: 1, -1, or 0 for neither; an unknown one is better when it is higher."""
        metric = self.metric_named(name)
        return 1 if metric is None else metric.direction

    def meaning(self, name: str) -> str:
        """Return the meaning of a figure in the problem's words, nothing for an unknown one."""
        metric = self.metric_named(name)
        return "" if metric is None else in_words(metric.meaning, name, self.words)

    def label(self, name: str) -> str:
        """Return what people call a figure."""
        metric = self.metric_named(name)
        return in_words((metric and metric.label) or name.replace("_", " "), name, self.words)

    def warnings(self, figures: Figures, ends: Mapping[str, Sequence[float]], decision: Any) -> list[str]:
        """Say what is doubtful in the figures of a test part, with their intervals, for this kind of target alone."""
        return []

    def quality(self, scored: pd.DataFrame, prediction: np.ndarray) -> float:
        """Return the headline figure of predictions of a table's records."""
        return quality(self.name, scored[self.problem.target].to_numpy(), prediction)(None)

    def losing_to(self, value: float, baselines: Mapping[str, float]) -> dict[str, float]:
        """Return the baselines that do better than a model whose headline metric has that value."""
        sign = self.direction(self.headline)
        return {name: other for name, other in baselines.items() if not sign * other <= sign * value}
