"""Fairness: figures by group of people and by intersection of two groups, and limits on how far they may differ.

A group may be made from a sensitive column, which the model never sees: it is carried beside the scores. Selection
rate: demographic parity. Recall: equal opportunity; with the false-positive rate: equalised odds (Hardt, Price and
Srebro 2016). Mean prediction beside the observed share: calibration within groups (Kleinberg et al. 2017).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lifecycle.audit.group_metrics import FiguresByCut, GroupFigures, GroupFunction, group_figures
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams
from lifecycle.core.portable_math import logarithm
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.metrics import GROUPS, mean_of, records
from lifecycle.evaluation.scored_window import Column, Sample, ScoredWindow
from lifecycle.evaluation.tasks import multiclass_metrics, regression_metrics
from lifecycle.evaluation.tasks.binary_metrics import negatives, share, total
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.slice_definitions import Band, assign

BETWEEN = " x "  # in the name of an intersection


def audit(
    task: Task, window: ScoredWindow, scored: pd.DataFrame, bands: Sequence[Band], draws: tuple[int, int]
) -> dict[str, GroupFigures]:
    """Compute the figures of every group, and of every intersection of two groups; see `group_figures`.

    `scored` has the window's records, with the columns that the bands are made from. The name of an intersection is
    both names joined by `BETWEEN`.
    """
    cuts = {band.name: assign(band, scored) for band in bands}
    crossed = {BETWEEN.join(pair): _crossed(*(cuts[name] for name in pair)) for pair in combinations(cuts, 2)}
    scales = {key: scale.value for key, scale in SCALES[task.name].items()}
    return group_figures(task, window, cuts | crossed, GROUPS, draws, scales)


def _crossed(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return one label of two, in the order of their categories; only what occurs."""
    names = [f"{a}, {b}" for a in first.cat.categories for b in second.cat.categories]
    place = first.cat.codes.to_numpy(np.int64) * len(second.cat.categories) + second.cat.codes.to_numpy(np.int64)
    return pd.Series(pd.Categorical.from_codes(place, pd.Index(names), ordered=True).remove_unused_categories())


def between_groups(figures: GroupFigures, least: int) -> dict[str, dict[str, float | None]]:
    """Return, for each figure, the largest difference and the smallest ratio of groups that are not too small."""
    large = figures.table[figures.is_large(least)]
    distances: dict[str, dict[str, float | None]] = {}
    for metric in figures.task.metrics_of(GROUPS, figures.groups.window):
        low, high = large[metric.name].min(), large[metric.name].max()
        several = len(large) > 1
        ratio = float(low / high) if several and low >= 0 and high > 0 else None
        distances[metric.name] = {"difference": float(high - low) if several else None, "ratio": ratio}
    return distances


def largest_difference(by_cut: FiguresByCut, figure: str, least: int) -> float | None:
    """Return the largest difference in a figure of two groups of a cut.

    Intersections are left to the table: the largest of many differences of small groups says little.
    """
    single = [figures for name, figures in by_cut.items() if BETWEEN not in name]
    differences = [between_groups(figures, least)[figure]["difference"] for figures in single]
    return max((difference for difference in differences if difference is not None), default=None)


def as_json(by_cut: FiguresByCut, least: int) -> dict[str, Any]:
    """Return the content of metrics/audit/fairness.json: every group's figures, and what lies between them."""
    return {
        name: {"groups": figures.as_json(least), "between_groups": between_groups(figures, least)}
        for name, figures in by_cut.items()
    }


def as_table(task: Task, by_cut: FiguresByCut, least: int) -> pd.DataFrame:
    """Return the table for plots: each group with a label, and whether it is too small to be judged: `few`."""
    parts = [
        figures.table.assign(cut=name, group=figures.table.index, label=f"{name}: " + figures.table.index)
        for name, figures in by_cut.items()
    ]
    names = [metric.name for metric in task.metrics_of(GROUPS)]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["cut", "group", "label", task.counted, *names])
    return table.assign(few=table[task.counted] < least)


class Scale(NamedTuple):
    """A figure on the scale on which its limit in params compares groups."""

    figure: str  # a column of the table
    value: GroupFunction  # a share, or the logarithm of a rate or of a ratio
    variance: GroupFunction  # of it, if records were independent


def _recall_variance(sample: Sample) -> np.ndarray:
    """Return p (1 - p) / n with a hit and a miss added (Laplace): above 0 for all and for none, too."""
    positives = total(sample, "positives") + 2
    recall = (total(sample, "hits") + 1) / positives
    return recall * (1 - recall) / positives


def _accuracy_variance(sample: Sample) -> np.ndarray:
    """Return p (1 - p) / n with two right and two wrong decisions added: above 0 for all and for none, too."""
    decided = sample.total(records) + 4
    accuracy = (sample.total(multiclass_metrics.right) + 2) / decided
    return accuracy * (1 - accuracy) / decided


def _log_error(sample: Sample) -> np.ndarray:
    """Return the logarithm of the mean absolute error, taken for a millionth of the whole window's where it is less."""
    least = sample.window.column(regression_metrics.absolute_error).mean() / 1e6 or 1.0
    return logarithm(np.maximum(mean_of(regression_metrics.absolute_error)(sample), least))


def _log_error_variance(sample: Sample) -> np.ndarray:
    """Return the variance of the logarithm of a mean, by the delta method."""
    mean, square = (mean_of(column)(sample) for column in ERRORS)
    return np.maximum(square - mean**2, 0) / np.maximum(mean**2 * sample.total(records), np.finfo(float).tiny)


ERRORS: tuple[Column, ...] = (regression_metrics.absolute_error, regression_metrics.squared_error)
CALIBRATION = "max_calibration_ratio"
BINARY = {  # by the key of the limit; a half is added so that none has a logarithm, too (Haldane 1956)
    "max_recall_difference": Scale("recall", share("hits", "positives"), _recall_variance),
    "max_false_positive_ratio": Scale(
        "false_positive_rate",
        lambda sample: logarithm((total(sample, "false_alerts") + 0.5) / (negatives(sample) + 1)),
        lambda sample: 1 / (total(sample, "false_alerts") + 0.5),
    ),
    CALIBRATION: Scale(
        "observed",
        lambda sample: logarithm((total(sample, "positives") + 0.5) / (total(sample, "predicted") + 0.5)),
        lambda sample: 1 / (total(sample, "positives") + 0.5),
    ),
}
SCALES: Mapping[str, Mapping[str, Scale]] = {  # by the kind of target; the first figure is the one that is compared
    "binary": BINARY,
    "multiclass": {"max_accuracy_difference": Scale("accuracy", mean_of(multiclass_metrics.right), _accuracy_variance)},
    "regression": {"max_error_ratio": Scale("mae", _log_error, _log_error_variance)},
}


def compared(task: Task) -> str:
    """Return the figure by which groups are compared first."""
    return next(iter(SCALES[task.name].values())).figure


class Gap(NamedTuple):
    """A distance of two groups, or of a group's positives and their prediction, on the scale of the limit."""

    text: str
    size: float  # a difference, or the logarithm of a ratio
    error: float  # standard error of it


def check_fairness(task: Task, by_cut: FiguresByCut, limits: AuditParams) -> None:
    """Raise when groups are treated less alike than a limit allows, by more than noise gives.

    A gap breaks its limit when it exceeds it by more than its standard error times the normal quantile of a one-sided
    2.5 % divided among all gaps of that kind (Bonferroni): fair models pass in at least 97.5 % of windows, however many
    groups are compared. The standard error is the larger one of resampled entities and of independent records, so that
    three alerts for three positives are not taken for certainty. Groups that are too small are left out. The error
    names every broken limit with its groups and figures, the clearest first.
    """
    broken: list[str] = []
    for key in SCALES[task.name]:
        limit = getattr(limits, key)
        if limit is not None:
            gaps = [gap for cut, figures in by_cut.items() for gap in _gaps(key, cut, figures, limits.min_positives)]
            broken += _beyond_limit(gaps, key, limit)
    if broken:
        raise PipelineError(
            "fairness:\n  "
            + "\n  ".join(broken)
            + "\nLook at metrics/audit/fairness.json; the limits stand in params.yaml"
        )


def not_judged(task: Task, by_cut: FiguresByCut, limits: AuditParams) -> list[str]:
    """Say of which cuts no two groups are large enough to be held against a limit; intersections are left out."""
    if all(getattr(limits, key) is None for key in SCALES[task.name]):
        return []
    least, words = limits.min_positives, task.words
    single = [(cut, figures) for cut, figures in by_cut.items() if BETWEEN not in cut]
    counted = words.positives if task.counted == "positives" else words.records
    return [
        f"fewer than two groups of {cut} have {least} {counted} (audit.min_positives), so whether they are treated"
        " alike was not judged"
        for cut, figures in single
        if figures.is_large(least).sum() < 2
    ]


def _gaps(key: str, cut: str, figures: GroupFigures, min_positives: int) -> Iterator[Gap]:
    """Yield the gaps of a cut: of every two groups, or for calibration of every group from its prediction."""
    scale, sample = SCALES[figures.task.name][key], figures.groups.sample()
    draws, table = figures.draws[key], figures.table
    value, variance = scale.value(sample), scale.variance(sample)
    names, shown = list(table.index), table[scale.figure].to_numpy()
    large = np.flatnonzero(figures.is_large(min_positives))
    if key == CALIBRATION:
        predicted = table["mean_predicted"].to_numpy()
        for i in large:
            error = np.sqrt(max(np.nanvar(draws[:, i], ddof=1), variance[i]))
            shares = f"are {shown[i]:.4f} of its records, predicted were {predicted[i]:.4f}"
            yield Gap(f"positives of {cut} {names[i]!r} {shares}", float(abs(value[i])), float(error))
        return
    for i, j in combinations(large, 2):
        error = np.sqrt(max(np.nanvar(draws[:, i] - draws[:, j], ddof=1), variance[i] + variance[j]))
        high, low = (i, j) if value[i] >= value[j] else (j, i)
        groups = f"{cut} {names[high]!r} is {shown[high]:.4f}, of {names[low]!r} {shown[low]:.4f}"
        yield Gap(f"{scale.figure.replace('_', ' ')} of {groups}", float(value[high] - value[low]), float(error))


def _beyond_limit(gaps: list[Gap], key: str, limit: float) -> list[str]:
    """Return a line for each gap beyond the limit, the clearest first."""
    ratio = key.endswith("ratio")
    allowed, quantile = (math.log(limit) if ratio else limit), -ndtri((100 - LEVEL) / 200 / max(len(gaps), 1))
    least = sorted(((gap.size - quantile * gap.error, gap) for gap in gaps), key=lambda pair: -pair[0])

    def as_text(size: float) -> str:
        return f"{math.exp(size):.2f} times" if ratio else f"{size:.3f}"

    return [
        f"{gap.text}: {as_text(gap.size)} apart, {as_text(size)} beyond noise; audit.{key} = {limit:g}"
        for size, gap in least
        if size > allowed
    ]
