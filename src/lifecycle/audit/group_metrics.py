"""A window cut into groups: the metrics of each group, with intervals by entity."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.ranking import Ranking
from lifecycle.core.value_limits import none_if_nan
from lifecycle.evaluation.bootstrap import interval, resamples
from lifecycle.evaluation.metrics import Metric
from lifecycle.evaluation.scored_window import Column, Sample, ScoredWindow
from lifecycle.evaluation.tasks.task import Task

GroupFunction = Callable[[Sample], np.ndarray]  # gives one value per group


class Groups:
    """A window cut into groups, sorted once for any number of resamples.

    `group` (n,) has the group of each record as a category, and every category occurs.
    """

    def __init__(self, window: Any, group: pd.Series) -> None:
        self.window = window
        self.names = [str(name) for name in group.cat.categories]
        self.code = group.cat.codes.to_numpy(np.int64)
        self._parts: dict[Column, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def sample(self, copies: np.ndarray | None = None) -> "GroupSample":
        """Return a resample of the window, cut into these groups; None: the window itself."""
        return GroupSample(self, copies)

    def filled(self, column: Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places, groups and values of the records whose value is not 0: most columns are 0 in most records."""
        if column not in self._parts:
            values = self.window.column(column)
            rows = np.flatnonzero(values)
            self._parts[column] = rows, self.code[rows], values[rows]
        return self._parts[column]

    @cached_property
    def rankings(self) -> list[tuple[np.ndarray, Ranking]]:
        """The places of each group's records, and their ranking."""
        places = [np.flatnonzero(self.code == code) for code in range(len(self.names))]
        return [(rows, Ranking(self.window.target[rows], self.window.score[rows])) for rows in places]


class GroupSample(Sample):
    """A resample of a window cut into groups: what is one number in a `Sample` is here an array, shape (groups,)."""

    def __init__(self, groups: Groups, copies: np.ndarray | None = None) -> None:
        super().__init__(groups.window, copies)
        self._groups = groups

    def total(self, column: Column) -> np.ndarray:
        """Return the sum of a column over the records of each group."""
        # bincount adds up row by row; the order of a BLAS sum would depend on the processor.
        rows, code, values = self._groups.filled(column)
        return np.bincount(code, values if self.weight is None else values * self.weight[rows], len(self._groups.names))

    def _spread(self, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        code, groups = self._groups.code, len(self._groups.names)
        mean = np.bincount(code, values * weight, groups) / np.maximum(np.bincount(code, weight, groups), 1.0)
        return np.bincount(code, weight * (values - mean[code]) ** 2, groups)

    @cached_property
    def counts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """True and false positives along the ranking of each group."""
        weight = self.weight
        return [ranking.counts(None if weight is None else weight[rows]) for rows, ranking in self._groups.rankings]


class GroupFigures(NamedTuple):
    """The figures of the groups of one cut."""

    task: Task
    groups: Groups
    table: pd.DataFrame  # a line per group: its counts, each metric and the ends of its interval
    draws: dict[str, np.ndarray]  # by name, each function in each resample, of shape (samples, groups)

    def is_large(self, least: int) -> np.ndarray:
        """Return which groups have at least so many of what the task counts: positives, or records."""
        return self.table[self.task.counted].to_numpy() >= least

    def as_json(self, least: int) -> dict[str, dict[str, Any]]:
        """Return the figures by group; `few`: not large."""
        lines = zip(self.table.index, self.is_large(least).tolist(), self.table.to_dict("records"), strict=True)
        counts = self.task.counts
        return {
            str(group): {"few": not large}
            | {str(name): int(value) if name in counts else none_if_nan(value) for name, value in line.items()}
            for group, large, line in lines
        }


FiguresByCut = Mapping[str, GroupFigures]  # by the name of the cut


def group_figures(
    task: Task,
    window: ScoredWindow,
    labels: Mapping[str, pd.Series],
    part: str,
    draws: tuple[int, int],
    others: Mapping[str, GroupFunction] | None = None,
) -> dict[str, GroupFigures]:
    """Compute the metrics of slices or of groups, with intervals by entity; the same resamples for all cuts.

    Parameters
    ----------
    labels : mapping of str to pandas.Series of category, shape (n,)
        The group of each record, by the cut's name.
    draws : (int, int)
        Number of resamples of entities, and their seed.
    others : mapping of str to callable, optional
        Functions beside the metrics whose values in each resample are needed.
    """
    cuts = {name: Groups(window, label) for name, label in labels.items()}
    metrics = task.metrics_of(part, window)
    functions = {metric.name: metric.function for metric in metrics} | dict(others or {})
    resampled: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in cuts}
    for copies in resamples(window.units, *draws) if cuts else ():
        for name, groups in cuts.items():
            sample = groups.sample(copies)
            resampled[name].append({key: function(sample) for key, function in functions.items()})
    values = {name: {key: np.array([one[key] for one in resampled[name]]) for key in functions} for name in cuts}
    tables = {name: _table(task, cut, metrics, values[name]) for name, cut in cuts.items()}
    return {name: GroupFigures(task, cut, tables[name], values[name]) for name, cut in cuts.items()}


def _table(task: Task, groups: Groups, metrics: Sequence[Metric], draws: Mapping[str, np.ndarray]) -> pd.DataFrame:
    sample = groups.sample()
    columns = {name: sample.total(count).astype(np.int64) for name, count in task.counts.items()}
    for metric in metrics:
        low, high = interval(draws[metric.name])
        columns |= {metric.name: metric.function(sample), f"{metric.name}_low": low, f"{metric.name}_high": high}
    return pd.DataFrame(columns, index=groups.names)
