"""How far each thing that is watched is from its limit, day by day: a ratio above 1 is beyond it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lifecycle.monitoring.detectors.daily_counts import DailyCounts, key_of
from lifecycle.monitoring.detectors.reference import AxisReference, LossReference, Reference, part_rise
from lifecycle.monitoring.detectors.statistics_by_day import cusum, daily_loss, drift_index, log_volume, share_limit

MISFIT_SHARE = 0.5  # of a day's records without a column, or with another type in it: the schema has changed
MISFIT_RECORDS = 10  # at least so many
CEILING = 3.0  # the loss's cumulative sum grows to so many limits, so that it comes down again once all is well


class Signals(NamedTuple):
    """Ratios to the limit by day; each array has shape (days,), NaN where nothing is known."""

    schema: dict[str, np.ndarray]  # by column
    quality: dict[str, np.ndarray]  # by column or feature
    covariate: dict[str, np.ndarray]  # by feature
    score: dict[str, np.ndarray]  # by column of the scores, and of the decision
    volume: np.ndarray
    loss: np.ndarray  # by the day of the records, not by the day on which their labels came; NaN without a label
    loss_parts: dict[str, np.ndarray]  # by feature: of the bin whose loss has risen most
    drift: dict[str, np.ndarray]  # by axis: what covariate and score have of theirs, and of slices
    indices: dict[str, np.ndarray]  # by axis: the stability index itself


def signals(counts: DailyCounts, reference: Reference) -> Signals:
    """Hold the days of a stream against the reference."""
    drift = {key_of(one.axis): _drift(counts, one, reference) for one in reference.axes}
    by_kind = {
        kind: {one.axis.name: drift[key_of(one.axis)][1] for one in reference.of(kind)}
        for kind in ("feature", "score", "decision")
    }
    usual, changed = reference.loss, _schema(counts)
    parts = {} if usual is None else {one.axis.name: _part(counts, one, usual) for one in reference.of("feature")}
    return Signals(
        schema=changed,
        quality=_quality(counts, reference, changed),
        covariate=by_kind["feature"],
        score=by_kind["score"] | by_kind["decision"],
        volume=_volume(counts, reference),
        loss=np.full(counts.days, np.nan) if usual is None else _loss(counts, usual),
        loss_parts=parts,
        drift={key: ratio for key, (_, ratio) in drift.items()},
        indices={key: index for key, (index, _) in drift.items()},
    )


def _drift(counts: DailyCounts, one: AxisReference, reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Return index and ratio of an axis.

    The fewer records a window has, the larger its index is by chance: in proportion to 1 / n. So the limit grows.
    """
    own, bins = counts.counts[key_of(one.axis)], one.axis.compared
    index, records = drift_index(own[:, bins], np.array(one.shares)[bins], reference.window_days)
    if one.limit is None:
        return index, np.full(counts.days, np.nan)
    usual = reference.window_records * sum(one.shares[bins])
    noise = np.maximum(1.0, usual / np.maximum(records, 1))
    return index, index / (one.limit * noise)


def _schema(counts: DailyCounts) -> dict[str, np.ndarray]:
    """Return how much of a day lacks each column; of a handful of records it says nothing."""
    arrived = np.maximum(counts.arrived, 1)
    return {
        name: np.minimum(count / arrived / MISFIT_SHARE, count / MISFIT_RECORDS)
        for name, count in counts.misfits.items()
    }


def _quality(counts: DailyCounts, reference: Reference, changed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the worst of missing, strange and refused values of each feature and column.

    `changed` says how much of a day lacks each column: one that has gone has no bad values.
    """
    found: dict[str, np.ndarray] = {}

    def note(name: str, count: np.ndarray, largest: float, records: np.ndarray) -> None:
        ratio = count / np.maximum(records, 1) / share_limit(largest, records)
        found[name] = np.maximum(found.get(name, 0.0), ratio)

    for one in reference.of("feature"):
        key = key_of(one.axis)
        note(one.axis.name, counts.counts[key][:, -1], one.missing, counts.records)
        note(one.axis.name, counts.counts[key][:, -2], one.strange, counts.records)
    for name, count in counts.rejected.items():
        of_schema = np.where(changed[name] > 1, counts.misfits[name], 0)
        note(name, count - of_schema, reference.rejected.get(name, 0.0), counts.arrived)
    return found


def _volume(counts: DailyCounts, reference: Reference) -> np.ndarray:
    if not reference.volume:
        return np.full(counts.days, np.nan)
    distance = log_volume(counts.arrived, counts.first.weekday(), np.array(reference.volume))
    return np.asarray(np.abs(distance) / reference.volume_limit)


def _loss(counts: DailyCounts, reference: LossReference) -> np.ndarray:
    loss, records = daily_loss(counts)
    level = cusum(reference.excess(loss, records), most=CEILING * reference.limit) / reference.limit
    return np.where(records > 0, level, np.nan)


def _part(counts: DailyCounts, one: AxisReference, usual: LossReference) -> np.ndarray:
    level = part_rise(counts, one, usual, CEILING * usual.part_limit) / usual.part_limit
    return np.where(daily_loss(counts)[1] > 0, level, np.nan)
