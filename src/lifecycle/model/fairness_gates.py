"""Gates on how alike groups are treated: a limit that is broken beyond noise stops the pipeline."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from lifecycle.model.fairness import Audited
from lifecycle.model.grouped import Figures
from lifecycle.model.resampling import LEVEL
from lifecycle.params import AuditParams
from lifecycle.stage import PipelineError


class Gap(NamedTuple):
    """A distance of two groups, or of a group's frauds and their prediction, on the scale of the limit."""

    what: str
    size: float  # a difference, or the logarithm of a ratio
    error: float  # standard error of it


def check_fairness(audited: Mapping[str, Audited], limits: AuditParams) -> None:
    """Raise when groups are treated less alike than a limit allows, by more than noise gives.

    A gap breaks its limit when it exceeds it by more than its standard error times the normal quantile of a one-sided
    2.5 % divided among all gaps of that kind (Bonferroni): fair models pass in at least 97.5 % of windows, however many
    groups are compared. The standard error is the larger one of resampled cards and of independent records, so that
    three frauds found out of three are not taken for certainty. Groups with too few frauds are no part of it.

    Raises
    ------
    PipelineError
        Names every broken limit with its groups and figures, the clearest first.
    """
    faults = []
    for key, gaps in (
        ("max_recall_difference", _recalls(audited, limits.min_positives)),
        ("max_false_positive_ratio", _false_positives(audited, limits.min_positives)),
        ("max_calibration_ratio", _calibrations(audited, limits.min_positives)),
    ):
        limit = getattr(limits, key)
        if limit is not None:
            faults += _broken(list(gaps), key, limit)
    if faults:
        raise PipelineError(
            "fairness:\n  " + "\n  ".join(faults) + "\nLook at metrics/fairness.json; the limits stand in params.yaml"
        )


def _broken(gaps: list[Gap], key: str, limit: float) -> list[str]:
    ratio = key.endswith("ratio")
    allowed, quantile = (np.log(limit) if ratio else limit), -ndtri((100 - LEVEL) / 200 / max(len(gaps), 1))
    broken = [gap for gap in gaps if gap.size - quantile * gap.error > allowed]
    broken.sort(key=lambda gap: quantile * gap.error - gap.size)

    def told(size: float) -> str:
        return f"{np.exp(size):.2f} times" if ratio else f"{size:.3f}"

    return [
        f"{gap.what}: {told(gap.size)} apart, {told(gap.size - quantile * gap.error)} beyond noise; audit.{key} ="
        f" {limit:g}"
        for gap in broken
    ]


def _recalls(audited: Mapping[str, Audited], least: int) -> Iterator[Gap]:
    for cut, one in audited.items():
        hits, frauds = one.sums["hits"], one.sums["frauds"]
        share = (hits + 1) / (frauds + 2)  # Agresti and Coull 1998: a standard error above 0 for all and for none
        with np.errstate(invalid="ignore"):
            value, draws = hits / frauds, one.draws["hits"] / one.draws["frauds"]
        yield from _pairs("recall", cut, one, least, (value, draws, share * (1 - share) / (frauds + 2)))


def _false_positives(audited: Mapping[str, Audited], least: int) -> Iterator[Gap]:
    for cut, one in audited.items():
        alarms = one.sums["false_alerts"] + 0.5  # Haldane 1956: a ratio that exists for none, too
        values = _log_rate(one.sums), _log_rate(one.draws), 1 / alarms
        yield from _pairs("false-positive rate", cut, one, least, values)


def _log_rate(sums: Figures) -> np.ndarray:
    return np.log((sums["false_alerts"] + 0.5) / (sums["genuine"] + 1))


def _pairs(
    figure: str, cut: str, one: Audited, least: int, values: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Iterator[Gap]:
    value, draws, variance = values
    names = list(one.table.index)
    for i, j in combinations(np.flatnonzero(one.sums["frauds"] >= least), 2):
        resampled = np.nanvar(draws[:, i] - draws[:, j], ddof=1)
        error = float(np.sqrt(max(resampled, variance[i] + variance[j])))
        high, low = (i, j) if value[i] >= value[j] else (j, i)
        shown = np.exp(value) if figure.startswith("false") else value
        what = f"{figure} of {cut} {names[high]!r} is {shown[high]:.4f}, of {names[low]!r} {shown[low]:.4f}"
        yield Gap(what, float(value[high] - value[low]), error)


def _calibrations(audited: Mapping[str, Audited], least: int) -> Iterator[Gap]:
    for cut, one in audited.items():
        names = list(one.table.index)
        value, draws = (np.log((s["frauds"] + 0.5) / (s["predicted"] + 0.5)) for s in (one.sums, one.draws))
        for i in map(int, np.flatnonzero(one.sums["frauds"] >= least)):
            error = np.sqrt(max(np.nanvar(draws[:, i], ddof=1), 1 / (one.sums["frauds"][i] + 0.5)))
            line = one.table.iloc[i]
            what = (
                f"frauds of {cut} {names[i]!r} are {line['observed']:.4f} of its records, predicted were"
                f" {line['mean_predicted']:.4f}"
            )
            yield Gap(what, float(abs(value[i])), float(error))
