"""The health of a model in sentences: the worst open alarm, what is not watched, and what is not known yet."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lifecycle.core.monitor_params import SEVERITY
from lifecycle.monitoring.alarms import Alarm
from lifecycle.monitoring.detectors.backtest import COUNTED_AS
from lifecycle.monitoring.detectors.reference import LEAST_WINDOWS, Reference
from lifecycle.monitoring.figures_in_words import count_of
from lifecycle.monitoring.watch import Findings, Watched

MEANING = {
    "schema": "columns of the source have changed",
    "quality": "values are broken, missing or refused",
    "volume": "the number of records has changed",
    "covariate": "features have drifted",
    "score": "scores or decisions have drifted",
    "concept": "the same features mean something else",
    "performance": "the model has become worse",
}
TO_DO = {
    "page": "call the person on duty now",
    "ticket": "open a ticket",
    "retrain": "train the model anew",
    "rollback": "go back to the earlier version",
    "none": "nothing",
}


class Subject(NamedTuple):
    """Which model a page is about, and what its findings do not say.

    Parameters
    ----------
    name, version : str
        Of the bundle.
    review_capacity : int or None
        Records that people can review a day; None where that is not known.
    unwatched : sequence of str
        Features that the model uses, and the log does not hold.
    left_out : mapping of str to int
        Lines of the log that were not used, by reason.
    """

    name: str
    version: str
    review_capacity: int | None
    unwatched: Sequence[str] = ()
    left_out: Mapping[str, int] = {}


class Health(NamedTuple):
    """One line for the top of the page."""

    level: str  # calm, alarm, or unknown
    sentence: str
    more: str


def health(found: Findings, watched: Watched) -> Health:
    """Return the worst open alarm with cause and action, or that there is none."""
    if not found.counts.arrived.sum():
        return Health("unknown", "There is nothing to watch yet.", _why_empty(found, watched))
    alarms = [alarm for alarm in found.alarms if alarm.open]
    if alarms:
        return _open(alarms)
    past = f"{count_of(len(found.alarms), 'alarm')} of these days {'is' if len(found.alarms) == 1 else 'are'} over."
    more = past if found.alarms else "None was raised in these days."
    if not watched.reference.is_calibrated:
        return Health("unknown", "No alarm is open, but drift is not watched.", more)
    return Health("calm", "No alarm is open.", more)


def _open(alarms: Sequence[Alarm]) -> Health:
    worst = max(alarms, key=lambda alarm: (SEVERITY.index(alarm.action), alarm.size))
    number = "An alarm is open" if len(alarms) == 1 else f"{len(alarms)} alarms are open, the worst of them"
    cause = f", first suspect {worst.suspects[0]}" if worst.suspects else ""
    where = "" if worst.cut is None else f", most of it in {worst.cut.where}"
    sentence = (
        f"{number}: {worst.kind} ({MEANING[worst.kind]}), {worst.size:.1f} times its limit since {worst.since.date()}"
        f"{cause}{where}."
    )
    return Health("alarm", sentence, f"To do: {TO_DO[worst.action]}. Why: {worst.reason}.")


def _why_empty(found: Findings, watched: Watched) -> str:
    if found.counts.days:
        return f"No record has come in {count_of(found.counts.days, 'day')}."
    if watched.time == COUNTED_AS:
        return (
            "The test records were drawn by chance, or have no time, so none comes after them."
            " The command mlops.py monitor watches the service itself."
        )
    return "No whole day of records follows the test window."


def labels_in_words(found: Findings, watched: Watched) -> str:
    """Return how many labels are known, and how many are not yet."""
    records, known = int(found.counts.records.sum()), sum(window.labelled for window in found.windows)
    if records == known:
        return f"All {records:,} labels are known."
    missing = f"{records - known:,} of {records:,} labels" if known else f"none of {records:,} labels is known"
    delay = f" A label is known {watched.delay_days:g} days after its record at the soonest."
    return f"Not known yet: {missing}.{delay if watched.delay_days else ''}"


def not_watched(reference: Reference, subject: Subject) -> list[str]:
    """Return what no alarm can be about, and why."""
    said = []
    if not reference.is_calibrated:
        said.append(
            f"Drift of features, scores and loss, and the number of records: the limits need {LEAST_WINDOWS} windows"
            f" without known drift, and the model was made with {reference.windows}. Broken and missing values, and"
            " columns that change, are watched all the same."
        )
    elif reference.loss is None:
        said.append("The loss: too few labels were known when the model was made.")
    if reference.is_calibrated and not reference.volume:
        said.append("The number of records a day: the reference is of records without days.")
    if subject.unwatched:
        names = ", ".join(subject.unwatched)
        said.append(f"Features that the log does not hold: {names}. SERVE_LOG_VALUES=1 writes them.")
    left_out = [f"{count:,} {reason}" for reason, count in subject.left_out.items()]
    return [*said, *([f"What was left out of the log: {', '.join(left_out)}."] if left_out else [])]
