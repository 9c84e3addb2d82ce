"""What a model's records were like when it was made: shares, losses, and the limits that drift is held against.

The stage `package` calibrates it on windows without known drift and puts it into the bundle, so that each version of a
model is watched by its own limits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lifecycle.core.params import MonitoringLimits
from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, joined, key_of
from lifecycle.monitoring.detectors.statistics_by_day import (
    PART_ALLOWANCE,
    cusum,
    daily_loss,
    drift_index,
    log_volume,
    part_excess,
)

LEAST_WINDOWS = 8  # below, the largest drift of the windows says too little of what is usual
RARE = 1e-4  # of a window: how often chance alone may pass the limit
PART_LEAST = 1.5  # the least limit of a part's cumulative sum to that of the whole: there are many parts
ROUNDING = 1e-9  # of a mean loss: a difference below says nothing
LEAST_INDEX = 5e-3  # a feature that hardly moved may move by so much: less matters to no model


@dataclass(frozen=True)
class AxisReference:
    """An axis, and what its records were like.

    Parameters
    ----------
    axis : Axis
        The bins.
    shares : tuple of float
        Share of the records in each bin.
    loss_shares : tuple of float
        Share of all loss in each bin.
    limit : float or None
        Stability index of a window from which there is drift; None where that is not calibrated.
    missing, strange : float
        The largest share of a day's values that were missing, and of a feature those that were strange.
    """

    axis: Axis
    shares: tuple[float, ...]
    loss_shares: tuple[float, ...]
    limit: float | None
    missing: float
    strange: float

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "AxisReference":
        """Return the reference of an axis that `Reference.as_json` gave."""
        shares = {name: tuple(content[name]) for name in ("shares", "loss_shares")}
        return cls(**{**content, **shares, "axis": Axis.from_json(content["axis"])})


@dataclass(frozen=True)
class LossReference:
    """The loss of a day: its mean, the spread of a record's loss, and what makes a day vary more than its records do.

    `limit` is the cumulative sum from which the loss has risen, `part_limit` that of a part of the records.
    """

    mean: float
    spread: float
    dispersion: float
    limit: float = np.inf
    part_limit: float = np.inf

    @property
    def unit(self) -> float:
        """Standard deviation of a record's loss, as days show it; where all were the same, what rounding may make."""
        return max(self.dispersion * self.spread, ROUNDING * abs(self.mean), np.finfo(np.float64).tiny)

    def excess(self, loss: np.ndarray, records: np.ndarray) -> np.ndarray:
        """Return how many standard deviations a day's mean loss is above the usual one; NaN without a label."""
        unit = self.unit / np.sqrt(np.maximum(records, 1))
        return np.asarray((loss - self.mean) / unit)


@dataclass(frozen=True)
class Reference:
    """All that is known of a model's usual records.

    Parameters
    ----------
    windows, window_days : int
        On how many windows it is calibrated, and how long drift is gathered.
    window_records : float
        Mean number of records of a window.
    axes : tuple of AxisReference
        Features, slices, scores and the decision.
    volume : tuple of float
        Records of a usual day by weekday, Monday first; empty where days say nothing.
    volume_limit : float
        Largest usual distance of the logarithm of a day's records from it.
    rejected : mapping of str to float
        By column: the largest share of a day's records that were refused for it.
    loss : LossReference or None
        None where too few labels are known.
    """

    windows: int
    window_days: int
    window_records: float
    axes: tuple[AxisReference, ...]
    volume: tuple[float, ...]
    volume_limit: float
    rejected: Mapping[str, float]
    loss: LossReference | None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Reference":
        """Return the reference that `as_json` gave."""
        axes = tuple(map(AxisReference.from_json, content["axes"]))
        loss = None if content["loss"] is None else LossReference(**content["loss"])
        return cls(**{**content, "axes": axes, "volume": tuple(content["volume"]), "loss": loss})

    def as_json(self) -> dict[str, Any]:
        """Return the content of monitoring.json."""
        axes = [{**asdict(one), "axis": one.axis.as_json()} for one in self.axes]
        return {**asdict(self), "axes": axes}

    @property
    def is_calibrated(self) -> bool:
        """Whether there were windows enough to know what drift is usual."""
        return self.windows >= LEAST_WINDOWS

    def only(self, columns: Iterable[str]) -> "Reference":
        """Return a reference of the axes whose columns are there."""
        present = set(columns)
        return replace(self, axes=tuple(one for one in self.axes if one.axis.column in present))

    def of(self, kind: str) -> list[AxisReference]:
        """Return the axes of a kind."""
        return [one for one in self.axes if one.axis.kind == kind]


NOTHING_USUAL = Reference(0, 7, 0.0, (), (), 1.0, {}, None)  # of a model without a backtest


def calibrate(runs: Sequence[DailyCounts], axes: Sequence[Axis], limits: MonitoringLimits) -> Reference:
    """Learn what is usual from runs of days without known drift.

    Parameters
    ----------
    runs : sequence of DailyCounts
        Each of days that follow each other; no record may have been trained on.
    axes : sequence of Axis
        The bins that were counted.
    limits : MonitoringLimits
        The length of a window, and how far beyond what was seen an alarm begins.

    Returns
    -------
    Reference
        With fewer than eight windows it knows shares and shares of faults, and no limits of drift.
    """
    days, whole = limits.window_days, joined(runs)
    windows = sum(run.days // days for run in runs)
    enough = windows >= LEAST_WINDOWS
    known = [_axis_reference(axis, runs, whole, limits, enough) for axis in axes]
    usual, distance = _volume(runs)
    return Reference(
        windows=windows,
        window_days=days,
        window_records=float(whole.records.sum() / max(whole.days, 1) * days),
        axes=tuple(known),
        volume=tuple(usual.tolist()) if enough else (),
        volume_limit=limits.drift_factor * max(distance, limits.least_volume_change),
        rejected={name: _largest_share(count, whole.arrived) for name, count in whole.rejected.items()},
        loss=_loss(runs, whole, known, limits) if enough else None,
    )


def _largest_share(count: np.ndarray, records: np.ndarray) -> float:
    return float((count / np.maximum(records, 1)).max(initial=0.0))


def _axis_reference(
    axis: Axis, runs: Sequence[DailyCounts], whole: DailyCounts, limits: MonitoringLimits, enough: bool
) -> AxisReference:
    key = key_of(axis)
    counts, loss = whole.counts[key].sum(axis=0), whole.loss[key].sum(axis=0)
    shares = counts / max(counts.sum(), 1)
    bins = axis.compared
    return AxisReference(
        axis,
        tuple(shares.tolist()),
        tuple((loss / loss.sum() if loss.sum() > 0 else shares).tolist()),
        _drift_limit([run.counts[key][:, bins] for run in runs], shares[bins], limits) if enough else None,
        _largest_share(whole.counts[key][:, -1], whole.records),
        _largest_share(whole.counts[key][:, -2], whole.records) if axis.kind == "feature" else 0.0,
    )


def _drift_limit(runs: Sequence[np.ndarray], shares: np.ndarray, limits: MonitoringLimits) -> float:
    """Return the index from which there is drift.

    The largest of a dozen windows is no rare value, so the limit is also one that chance alone seldom passes: n times
    the index of n independent records has about a chi-square distribution (Yurdakul 2018, "Statistical properties of
    population stability index"), here stretched by how much more the windows vary than independent records. That is
    known from these windows alone, so the ratio to it has an F distribution: with few bins its tail is much longer.
    """
    from scipy.stats import f

    days, bins = limits.window_days, int((shares > 0).sum())
    found = [drift_index(counts, shares, days) for counts in runs]
    index = np.concatenate([one[days - 1 :] for one, _ in found])
    records = np.concatenate([one[days - 1 :] for _, one in found])
    if bins < 2 or not records.any():
        return limits.drift_factor * LEAST_INDEX
    dispersion = max(float((index * records).mean()) / (bins - 1), 1.0)
    windows = sum(len(counts) // days for counts in runs)
    tail = (bins - 1) * float(f.isf(RARE, bins - 1, max(windows, 1) * (bins - 1)))
    by_chance = dispersion * tail / max(float(records.mean()), 1.0)
    return max(limits.drift_factor * max(float(index.max()), LEAST_INDEX), by_chance)


def _volume(runs: Sequence[DailyCounts]) -> tuple[np.ndarray, float]:
    """Return the mean records of each weekday, and the largest distance of a day's logarithm from it."""
    weekday = np.concatenate([(run.first.weekday() + np.arange(run.days)) % 7 for run in runs])
    records = np.concatenate([run.arrived for run in runs])
    found = np.bincount(weekday, minlength=7)
    sums = np.bincount(weekday, records, minlength=7)
    usual = np.where(found > 0, sums / np.maximum(found, 1), records.sum() / max(len(records), 1))
    distances = [np.abs(log_volume(run.arrived, run.first.weekday(), usual)).max(initial=0.0) for run in runs]
    return usual, float(max(distances))


def _loss(
    runs: Sequence[DailyCounts], whole: DailyCounts, axes: Sequence[AxisReference], limits: MonitoringLimits
) -> LossReference | None:
    loss, records = daily_loss(whole)
    known = records > 0
    if known.sum() < LEAST_WINDOWS:
        return None
    total = records.sum()
    mean = float((loss[known] * records[known]).sum() / total)
    spread = float(np.sqrt(max(whole.square.sum() / total - mean**2, 0.0)))
    plain = LossReference(mean, spread, 1.0)
    usual = replace(plain, dispersion=max(float(np.nanstd(plain.excess(loss, records))), 1.0))
    largest = max(float(cusum(usual.excess(*daily_loss(run))).max(initial=0.0)) for run in runs)
    of_parts = [part_rise(run, one, usual) for run in runs for one in axes if one.axis.kind == "feature"]
    largest_part = max((float(rise.max(initial=0.0)) for rise in of_parts), default=0.0)
    least, factor = limits.least_cusum, limits.drift_factor
    return replace(usual, limit=max(least, factor * largest), part_limit=max(PART_LEAST * least, factor * largest_part))


def part_rise(counts: DailyCounts, one: AxisReference, usual: LossReference, most: float = np.inf) -> np.ndarray:
    """Return the cumulative sum of the loss of an axis's worst bin, (days,)."""
    key, shares, loss_shares = key_of(one.axis), np.array(one.shares), np.array(one.loss_shares)
    excess = part_excess(counts.labelled[key], counts.loss[key], shares, loss_shares, usual.mean, usual.unit)
    return np.asarray(cusum(excess, PART_ALLOWANCE, most).max(axis=1, initial=0.0))
