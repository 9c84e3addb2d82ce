"""The part of the records in which a change is concentrated, and the features that are most suspect of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.detectors.daily_counts import DailyCounts, key_of
from lifecycle.monitoring.detectors.reference import AxisReference, Reference

LEAST_LIFT = 0.2  # of a cut: by so much its share of the change must exceed what is usual
LEAST_CONCENTRATION = 0.3  # the same of a suspect of the loss: what is spread as usual tells of no feature


class Cut(NamedTuple):
    """A bin of an axis, and its share of the whole change."""

    where: str
    share: float


class Change(NamedTuple):
    """How an axis differs from the reference: by bin, what came more than expected, and its usual share of that."""

    axis: Axis
    excess: np.ndarray  # (bins,) records, or loss
    expected: np.ndarray  # (bins,) share of the records, or of the loss, that the reference has there

    @property
    def lift(self) -> np.ndarray:
        """By how much each bin's share of the change exceeds its usual share, (bins,)."""
        gained = np.maximum(self.excess, 0.0)
        total = gained.sum()
        return gained / total - self.expected if total > 0 else np.zeros(len(gained))


def count_changes(counts: DailyCounts, reference: Reference, days: slice) -> list[Change]:
    """Return how the shares of the records of some days differ from the reference, axis by axis."""

    def change(one: AxisReference) -> Change:
        now, shares = counts.counts[key_of(one.axis)][days].sum(axis=0), np.array(one.shares)
        return Change(one.axis, now - now.sum() * shares, shares)

    return [change(one) for one in reference.axes]


def loss_changes(counts: DailyCounts, reference: Reference, days: slice) -> list[Change]:
    """Return where the loss of some days' labelled records is above the reference's, axis by axis."""
    mean = 0.0 if reference.loss is None else reference.loss.mean

    def change(one: AxisReference) -> Change:
        key, shares = key_of(one.axis), np.array(one.shares)
        records, loss = counts.labelled[key][days].sum(axis=0), counts.loss[key][days].sum(axis=0)
        usual = mean * np.divide(one.loss_shares, shares, out=np.zeros(len(shares)), where=shares > 0)
        return Change(one.axis, loss - records * usual, np.array(one.loss_shares))

    return [change(one) for one in reference.axes]


def worst_cut(changes: Sequence[Change]) -> Cut | None:
    """Return the bin with the greatest lift; None where no part of the records stands out."""
    found = max(changes, key=lambda change: float(change.lift.max()), default=None)
    if found is None or found.lift.max() < LEAST_LIFT:
        return None
    place = int(found.lift.argmax())
    share = float(found.lift[place] + found.expected[place])
    return Cut(f"{found.axis.name} {found.axis.names[place]}", share)


def concentrated(changes: Sequence[Change]) -> list[str]:
    """Return the features in one bin of which the change is concentrated, the most suspect first."""
    lifts = {change.axis.name: float(change.lift.max()) for change in changes if change.axis.kind == "feature"}
    return sorted((name for name, lift in lifts.items() if lift >= LEAST_CONCENTRATION), key=lambda name: -lifts[name])
