"""Whether a new version shall be trained: a drift that labels confirm, or age with enough new labels; never on a fault.

A model that has learned from broken values has learned the fault. So while a fault of the data is open nothing is
trained, whatever else speaks for it: the source is mended first.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from lifecycle.core.release_params import Retraining
from lifecycle.monitoring.alarms import DATA_FAULTS
from lifecycle.splits.time_windows import DAY

Answer = Literal["retrain", "wait", "fault"]


class Situation(NamedTuple):
    """What is known of the version that answers, and of the records that came since."""

    trained_until: pd.Timestamp  # end of the records that it has learned from
    window_end: pd.Timestamp  # end of the training window that the records allow now
    new_labels: int  # records after `trained_until` whose label is known
    alarms: Sequence[dict[str, Any]] = ()  # entries of alarms.json
    faults: Sequence[str] = ()  # of the new records themselves, in words


class Decision(NamedTuple):
    """Whether to train, and why, in sentences."""

    answer: Answer
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Return the answer and its reasons, a line each."""
        return "\n".join(f"{self.answer}: {reason}" for reason in self.reasons)


def decide(situation: Situation, rule: Retraining) -> Decision:
    """Return whether to train.

    Parameters
    ----------
    situation : Situation
        What is known.
    rule : Retraining
        The block `release.retrain` of params.yaml.

    Examples
    --------
    >>> day, rule = pd.Timestamp("2024-05-01"), Retraining(every_days=28, new_labels=1000)
    >>> print(decide(Situation(day, day + 28 * DAY, 400), rule))
    wait: 400 new labels are known since 2024-05-01, release.retrain.new_labels = 1,000
    >>> print(decide(Situation(day, day + 28 * DAY, 1200), rule))
    retrain: the training window ends 28 days later than that of the version that answers, with 1,200 new labels
    """
    faults = [*situation.faults, *map(_in_words, _open(situation, DATA_FAULTS))]
    if faults:
        return Decision("fault", tuple(f"{fault}; mend the source, then train" for fault in faults))
    later = (situation.window_end - situation.trained_until) / DAY
    if later <= 0:
        known = f"the records allow no training window that ends after {situation.trained_until.date()}"
        return Decision("wait", (f"{known}; the version that answers has learned from all that is known",))
    drifts = [alarm for alarm in _open(situation) if alarm["action"] == "retrain"]
    if drifts:
        return Decision("retrain", tuple(map(_in_words, drifts)))
    return _by_age(situation, later, rule)


def _by_age(situation: Situation, later: float, rule: Retraining) -> Decision:
    since = situation.trained_until.date()
    waits = []
    if later < rule.every_days:
        waits.append(f"the training window would end {later:.3g} days later, release.retrain.every_days ="
                     f" {rule.every_days:g}")  # fmt: skip
    if situation.new_labels < rule.new_labels:
        waits.append(f"{situation.new_labels:,} new labels are known since {since}, release.retrain.new_labels ="
                     f" {rule.new_labels:,}")  # fmt: skip
    if waits:
        return Decision("wait", tuple(waits))
    age = f"the training window ends {later:.3g} days later than that of the version that answers"
    return Decision("retrain", (f"{age}, with {situation.new_labels:,} new labels",))


def _open(situation: Situation, kinds: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return open alarms of some classes; what was raised before the version had learned it says nothing of it."""
    found = [alarm for alarm in situation.alarms if alarm["open"]]
    if kinds is not None:
        return [alarm for alarm in found if alarm["class"] in kinds]
    return [alarm for alarm in found if pd.Timestamp(alarm["raised"]) >= situation.trained_until]


def _in_words(alarm: dict[str, Any]) -> str:
    suspects = f" of {', '.join(alarm['suspects'])}" if alarm["suspects"] else ""
    return (
        f"an alarm of class {alarm['class']}{suspects} is open since {alarm['since']}, {alarm['size']:.1f} times its"
        f" limit: {alarm['reason']}"
    )
