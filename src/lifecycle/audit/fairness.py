"""Fairness: figures by group of people and by intersection of two groups, and limits on how far they may differ.

A group may be made from a sensitive column, which the model never sees: it is carried beside the scores. Selection
rate: demographic parity. Recall: equal opportunity; with the false-positive rate: equalised odds (Hardt, Price and
Srebro 2016). Mean prediction beside the observed share: calibration within groups (Kleinberg et al. 2017).
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lifecycle.audit.group_metrics import FiguresByCut, GroupFigures, GroupFunction, group_figures
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.metrics import GROUPS, metrics_of, negatives, share, total
from lifecycle.evaluation.scored_window import Sample, ScoredWindow
from lifecycle.problem.slice_definitions import Band, assign

BETWEEN = " x "  # in the name of an intersection


def audit(
    window: ScoredWindow, scored: pd.DataFrame, bands: Sequence[Band], draws: tuple[int, int]
) -> dict[str, GroupFigures]:
    """Compute the figures of every group, and of every intersection of two groups; see `group_figures`.

    `scored` has the window's records, with the columns that the bands are made from. The name of an intersection is
    both names joined by `BETWEEN`.
    """
    cuts = {band.name: assign(band, scored) for band in bands}
    crossed = {BETWEEN.join(pair): _crossed(*(cuts[name] for name in pair)) for pair in combinations(cuts, 2)}
    scales = {key: scale.value for key, scale in SCALES.items()}
    return group_figures(window, cuts | crossed, metrics_of(GROUPS), draws, scales)


def _crossed(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return one label of two, in the order of their categories; only what occurs."""
    names = [f"{a}, {b}" for a in first.cat.categories for b in second.cat.categories]
    place = first.cat.codes.to_numpy(np.int64) * len(second.cat.categories) + second.cat.codes.to_numpy(np.int64)
    return pd.Series(pd.Categorical.from_codes(place, pd.Index(names), ordered=True).remove_unused_categories())


def between_groups(table: pd.DataFrame, min_positives: int) -> dict[str, dict[str, float | None]]:
    """Return, for each figure, the largest difference and the smallest ratio of groups that are not too small."""
    large = table[table["positives"] >= min_positives]
    distances: dict[str, dict[str, float | None]] = {}
    for metric in metrics_of(GROUPS):
        low, high = large[metric.name].min(), large[metric.name].max()
        several = len(large) > 1
        ratio = float(low / high) if several and high > 0 else None
        distances[metric.name] = {"difference": float(high - low) if several else None, "ratio": ratio}
    return distances


def largest_recall_difference(by_cut: FiguresByCut, min_positives: int) -> float | None:
    """Return the largest difference in recall of two groups of a cut.

    Intersections are left to the table: the largest of many differences of small groups says little.
    """
    tables = [figures.table for name, figures in by_cut.items() if BETWEEN not in name]
    differences = [between_groups(table, min_positives)["recall"]["difference"] for table in tables]
    return max((difference for difference in differences if difference is not None), default=None)


def as_json(by_cut: FiguresByCut, min_positives: int) -> dict[str, Any]:
    """Return the content of metrics/audit/fairness.json: every group's figures, and what lies between them."""
    return {
        name: {"groups": figures.as_json(min_positives), "between_groups": between_groups(figures.table, min_positives)}
        for name, figures in by_cut.items()
    }


def as_table(by_cut: FiguresByCut, min_positives: int) -> pd.DataFrame:
    """Return the table for plots: each group with a label, and whether its positives are `few`."""
    parts = [
        figures.table.assign(cut=name, group=figures.table.index, label=f"{name}: " + figures.table.index)
        for name, figures in by_cut.items()
    ]
    names = [metric.name for metric in metrics_of(GROUPS)]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["cut", "group", "label", "positives", *names])
    return table.assign(few=table["positives"] < min_positives)


class Scale(NamedTuple):
    """A figure on the scale on which its limit in params compares groups."""

    figure: str  # a column of the table
    value: GroupFunction  # a share, or the logarithm of a rate or of a ratio
    variance: GroupFunction  # of it, if records were independent


def _recall_variance(sample: Sample) -> np.ndarray:
    """Return p (1 - p) / n of Agresti and Coull (1998): above 0 for all and for none, too."""
    positives = total(sample, "positives") + 2
    recall = (total(sample, "hits") + 1) / positives
    return recall * (1 - recall) / positives


CALIBRATION = "max_calibration_ratio"
SCALES = {  # by the key of the limit; a half is added so that none has a logarithm, too (Haldane 1956)
    "max_recall_difference": Scale("recall", share("hits", "positives"), _recall_variance),
    "max_false_positive_ratio": Scale(
        "false_positive_rate",
        lambda sample: np.log((total(sample, "false_alerts") + 0.5) / (negatives(sample) + 1)),
        lambda sample: 1 / (total(sample, "false_alerts") + 0.5),
    ),
    CALIBRATION: Scale(
        "observed",
        lambda sample: np.log((total(sample, "positives") + 0.5) / (total(sample, "predicted") + 0.5)),
        lambda sample: 1 / (total(sample, "positives") + 0.5),
    ),
}


class Gap(NamedTuple):
    """A distance of two groups, or of a group's positives and their prediction, on the scale of the limit."""

    text: str
    size: float  # a difference, or the logarithm of a ratio
    error: float  # standard error of it


def check_fairness(by_cut: FiguresByCut, limits: AuditParams) -> None:
    """Raise when groups are treated less alike than a limit allows, by more than noise gives.

    A gap breaks its limit when it exceeds it by more than its standard error times the normal quantile of a one-sided
    2.5 % divided among all gaps of that kind (Bonferroni): fair models pass in at least 97.5 % of windows, however many
    groups are compared. The standard error is the larger one of resampled entities and of independent records, so that
    three alerts for three positives are not taken for certainty. Groups with too few positives are left out. The error
    names every broken limit with its groups and figures, the clearest first.
    """
    broken: list[str] = []
    for key in SCALES:
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


def _gaps(key: str, cut: str, figures: GroupFigures, min_positives: int) -> Iterator[Gap]:
    """Yield the gaps of a cut: of every two groups, or for calibration of every group from its prediction."""
    scale, sample, draws, table = SCALES[key], figures.groups.sample(), figures.draws[key], figures.table
    value, variance = scale.value(sample), scale.variance(sample)
    names, shown = list(table.index), table[scale.figure].to_numpy()
    large = np.flatnonzero(table["positives"] >= min_positives)
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
    allowed, quantile = (np.log(limit) if ratio else limit), -ndtri((100 - LEVEL) / 200 / max(len(gaps), 1))
    least = sorted(((gap.size - quantile * gap.error, gap) for gap in gaps), key=lambda pair: -pair[0])

    def as_text(size: float) -> str:
        return f"{np.exp(size):.2f} times" if ratio else f"{size:.3f}"

    return [
        f"{gap.text}: {as_text(gap.size)} apart, {as_text(size)} beyond noise; audit.{key} = {limit:g}"
        for size, gap in least
        if size > allowed
    ]
