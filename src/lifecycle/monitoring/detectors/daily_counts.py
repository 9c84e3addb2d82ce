"""What the detectors see of the records: counts and losses by day and bin. A day of any size takes the same room."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.splits.time_windows import DAY


class Stream(NamedTuple):
    """What a model has seen and decided.

    Parameters
    ----------
    records : pandas.DataFrame
        The records that were decided on: time, features, predictions and decision, and the label where it is known.
    loss : numpy.ndarray, shape (n,)
        Of each record's prediction; NaN where its label is not known.
    rejected : pandas.DataFrame
        The records that were refused: a time, and the `column` and `reason` that it was refused for; `schema` says
        whether the column was absent or of another type.
    first, days : pandas.Timestamp, int
        The first day, at midnight, and the number of days.
    """

    records: pd.DataFrame
    loss: np.ndarray
    rejected: pd.DataFrame
    first: pd.Timestamp
    days: int


class DailyCounts(NamedTuple):
    """Counts by day; each array has a row per day."""

    first: pd.Timestamp
    records: np.ndarray  # (days,)
    counts: dict[str, np.ndarray]  # by axis: records in each bin, (days, bins)
    labelled: dict[str, np.ndarray]  # those of them whose label is known
    loss: dict[str, np.ndarray]  # the sum of their losses
    square: np.ndarray  # (days,): the sum of the squares of the losses
    rejected: dict[str, np.ndarray]  # by column: records that were refused for it, (days,)
    misfits: dict[str, np.ndarray]  # by column: those of them where it was absent or of another type

    @property
    def days(self) -> int:
        """Number of days."""
        return len(self.records)

    @property
    def arrived(self) -> np.ndarray:
        """Records of each day, those that were refused too, (days,)."""
        return np.asarray(sum(self.rejected.values(), self.records))


def no_rejections(time: str) -> pd.DataFrame:
    """Return the table of rejected records where there are none."""
    columns = {"column": pd.Series(dtype=str), "reason": pd.Series(dtype=str), "schema": pd.Series(dtype=bool)}
    return pd.DataFrame({time: pd.Series(dtype="datetime64[us]"), **columns})


def key_of(axis: Axis) -> str:
    """Return what an axis is called among all: a slice may have the name of a feature."""
    return f"{axis.kind}:{axis.name}"


def daily_counts(stream: Stream, axes: Sequence[Axis], time: str) -> DailyCounts:
    """Count a stream; what is not of its days does not count."""
    days, (day, inside) = stream.days, days_of(stream.records[time], stream)
    records, day, loss_of = stream.records[inside], day[inside], stream.loss[inside]
    known = ~np.isnan(loss_of)
    losses = np.where(known, loss_of, 0.0)
    counts, labelled, loss = {}, {}, {}
    for axis in axes:
        key, size = key_of(axis), axis.size
        place = day * size + axis.codes(records[axis.column])
        counts[key] = np.bincount(place, minlength=days * size).reshape(days, size)
        labelled[key] = np.bincount(place[known], minlength=days * size).reshape(days, size)
        loss[key] = np.bincount(place, losses, minlength=days * size).reshape(days, size)
    rejected, misfits = _refusals(stream, time)
    square = np.bincount(day, losses**2, minlength=days)
    total = np.bincount(day, minlength=days)
    return DailyCounts(stream.first, total, counts, labelled, loss, square, rejected, misfits)


def days_of(times: pd.Series, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of each time's day in a stream, and whether it is one of its days."""
    day = ((times - stream.first) // DAY).to_numpy(dtype=np.int64)
    return day, (day >= 0) & (day < stream.days)


def _refusals(stream: Stream, time: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    table = stream.rejected
    day, inside = days_of(table[time], stream)
    column, schema = table["column"].to_numpy(dtype=object), table["schema"].to_numpy(dtype=bool)
    rejected, misfits = {}, {}
    for name in sorted(set(column[inside])):
        own = inside & (column == name)
        rejected[str(name)] = np.bincount(day[own], minlength=stream.days)
        misfits[str(name)] = np.bincount(day[own & schema], minlength=stream.days)
    return rejected, misfits


def joined(runs: Sequence[DailyCounts]) -> DailyCounts:
    """Return runs of days as one, the first day that of the first run; for sums, not for dates."""

    def stack(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        names = dict.fromkeys(name for part in parts for name in part)
        empty = [np.zeros(run.days, np.int64) for run in runs]
        return {
            name: np.concatenate([part.get(name, gap) for part, gap in zip(parts, empty, strict=True)])
            for name in names
        }

    return DailyCounts(
        runs[0].first,
        np.concatenate([run.records for run in runs]),
        stack([run.counts for run in runs]),
        stack([run.labelled for run in runs]),
        stack([run.loss for run in runs]),
        np.concatenate([run.square for run in runs]),
        *(stack([getattr(run, name) for run in runs]) for name in ("rejected", "misfits")),
    )
