"""The part of the records in which a change is concentrated, and the features that are most suspect of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, key_of
from lifecycle.monitoring.detectors.reference import AxisReference, Reference

LEAST_LIFT = 0.2  # of a cut: by so much its share of the change must exceed what it has anyway
LEAST_CONCENTRATION = 0.3  # the same of a suspect: what is spread as usual tells of no feature
SURE = 3.0  # standard deviations above which what came more than expected is not by chance


class Cut(NamedTuple):
    """A bin of an axis, and its share of the whole change."""

    where: str
    share: float


class Change(NamedTuple):
    """How an axis differs from the reference: by bin, what came more than expected, and what it has of all anyway."""

    axis: Axis
    excess: np.ndarray  # (bins,) records, or loss
    expected: np.ndarray  # (bins,) share of the change that it would have if that was spread evenly
    noise: np.ndarray  # (bins,) standard deviation of the excess where nothing has changed

    @property
    def share(self) -> np.ndarray:
        """Each bin's share of all that came more than expected, (bins,)."""
        gained = np.maximum(self.excess, 0.0)
        total = gained.sum()
        return gained / total if total > 0 else np.zeros(len(gained))

    @property
    def lift(self) -> np.ndarray:
        """By how much each bin's share of the change exceeds an even one, (bins,); 0 where it may be by chance."""
        return np.where(self.excess > SURE * self.noise, self.share - self.expected, 0.0)


def count_changes(counts: DailyCounts, reference: Reference, days: slice) -> list[Change]:
    """Return how the shares of the records of some days differ from the reference, axis by axis."""

    def change(one: AxisReference) -> Change:
        now, shares = counts.counts[key_of(one.axis)][days].sum(axis=0), np.array(one.shares)
        total = now.sum()
        return Change(one.axis, now - total * shares, shares, np.sqrt(total * shares * (1 - shares)))

    return [change(one) for one in described(reference)]


def described(reference: Reference) -> list[AxisReference]:
    """Return the axes that say what a record is: not how it was scored, which is what a cause is looked for."""
    return [*reference.of("feature"), *reference.of("slice")]


def volume_changes(counts: DailyCounts, reference: Reference, days: slice) -> list[Change]:
    """Return where the records of some days are more than usual, or fewer where they are fewer in all."""
    weekday = (counts.first.weekday() + np.arange(counts.days)[days]) % 7
    usual = float(np.array(reference.volume)[weekday].sum())
    sign = np.sign(counts.records[days].sum() - usual)

    def change(one: AxisReference) -> Change:
        now, shares = counts.counts[key_of(one.axis)][days].sum(axis=0), np.array(one.shares)
        return Change(one.axis, sign * (now - usual * shares), shares, np.sqrt(usual * shares))

    return [change(one) for one in described(reference)]


def loss_changes(counts: DailyCounts, reference: Reference, days: slice) -> list[Change]:
    """Return where the loss of some days' labelled records is above the reference's, axis by axis."""
    mean, spread = (0.0, 0.0) if reference.loss is None else (reference.loss.mean, reference.loss.spread)

    def change(one: AxisReference) -> Change:
        key, shares, of_loss = key_of(one.axis), np.array(one.shares), np.array(one.loss_shares)
        records, loss = counts.labelled[key][days].sum(axis=0), counts.loss[key][days].sum(axis=0)
        times = np.divide(of_loss, shares, out=np.ones(len(shares)), where=shares > 0)  # the mean loss of all
        noise = spread * np.sqrt(records * np.maximum(times, 1.0))  # where losses are higher they vary more
        # An even rise adds as much to each record, or to each loss: what stands out must exceed both.
        return Change(one.axis, loss - records * mean * times, np.maximum(shares, of_loss), noise)

    return [change(one) for one in described(reference)]


def worst_cut(changes: Sequence[Change]) -> Cut | None:
    """Return the bin with the greatest lift; None where no part of the records stands out."""
    found = max(changes, key=lambda change: float(change.lift.max()), default=None)
    if found is None or found.lift.max() < LEAST_LIFT:
        return None
    place = int(found.lift.argmax())
    return Cut(f"{found.axis.name} {found.axis.names[place]}", float(found.share[place]))


def concentrated(changes: Sequence[Change]) -> list[str]:
    """Return the features in one bin of which the change is concentrated, the most suspect first."""
    lifts = {change.axis.name: float(change.lift.max()) for change in changes if change.axis.kind == "feature"}
    return sorted((name for name, lift in lifts.items() if lift >= LEAST_CONCENTRATION), key=lambda name: -lifts[name])
