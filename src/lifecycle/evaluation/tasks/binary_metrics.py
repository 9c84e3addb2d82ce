"""A window of a binary target, and its metrics. To add a metric, add a `Metric` to `BINARY`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lifecycle.core.ranking import EntityRanking, Ranking, average_precision, roc_auc
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.metrics import GROUPS, SLICES, WINDOW, Metric, ratio, records
from lifecycle.evaluation.probability_calibration import calibration_error
from lifecycle.evaluation.scored_window import Column, Sample, ScoredWindow


@dataclass(frozen=True, eq=False, kw_only=True)
class BinaryWindow(ScoredWindow):
    """What is known of each record; arrays of shape (n,), the target 0 or 1."""

    score: np.ndarray
    probability: np.ndarray
    alert: np.ndarray  # bool
    stake: np.ndarray  # what is lost with the record if it is a positive without an alert
    day: np.ndarray | None  # day of the window; None where the problem has no time
    rule: np.ndarray | None  # bool: what the fixed rule would flag; None where there is none
    decision: AlertDecision
    top_k: int  # entities reviewed a day

    @cached_property
    def ranking(self) -> Ranking:
        """The records by score."""
        return Ranking(self.target, self.score)

    @cached_property
    def entity_ranking(self) -> EntityRanking:
        """The entities of each day by score; only where the problem has entities and a time."""
        return EntityRanking(self.day, self.entity, self.target, self.score)  # type: ignore[arg-type]

    def cost(self, alert: np.ndarray | bool) -> np.ndarray:
        """Return what alerts cost, record by record."""
        return self.decision.cost(self.target, alert, self.stake)


# A number per record, for metrics that are made from sums over the records.
COLUMNS: Mapping[str, Column] = {
    "records": records,
    "positives": lambda window: window.target == 1,
    "alerts": lambda window: window.alert,
    "hits": lambda window: window.alert & (window.target == 1),
    "false_alerts": lambda window: window.alert & (window.target != 1),
    "right": lambda window: window.alert == (window.target == 1),
    "predicted": lambda window: window.probability,
    "squared_error": lambda window: (window.probability - window.target) ** 2,
    "cost": lambda window: window.cost(window.alert),
    "cost_without_model": lambda window: window.cost(False),
    "cost_of_rule": lambda window: window.cost(np.asarray(window.rule)),
}


def total(sample: Sample, name: str) -> np.ndarray:
    """Return the sum of one of `COLUMNS` over the sample: a number, or one per group."""
    return sample.total(COLUMNS[name])


def negatives(sample: Sample) -> np.ndarray:
    """Return the number of negatives."""
    return total(sample, "records") - total(sample, "positives")


def share(part: str, whole: str) -> Callable[[Sample], np.ndarray]:
    """Return the metric that is the sum of one of `COLUMNS` divided by the sum of another."""
    return lambda sample: ratio(total(sample, part), total(sample, whole))


def precision(sample: Sample) -> np.ndarray:
    """Return the share of alerts that are right, NaN where there are no negatives: any alert is right there."""
    return np.where(negatives(sample) > 0, ratio(total(sample, "hits"), total(sample, "alerts")), np.nan)


def f1(sample: Sample) -> np.ndarray:
    """Return the harmonic mean of precision and recall."""
    return ratio(2 * total(sample, "hits"), total(sample, "positives") + total(sample, "alerts"))


def false_positive_rate(sample: Sample) -> np.ndarray:
    """Return the share of negatives that raise an alert."""
    return ratio(total(sample, "false_alerts"), negatives(sample))


def saved(other: str) -> Callable[[Sample], np.ndarray]:
    """Return the metric that is the saved share of the cost of another way to decide."""
    return lambda sample: ratio(total(sample, other) - total(sample, "cost"), total(sample, other))


def entity_precision(sample: Sample) -> float:
    """Return the share of entities with a positive among the `top_k` most suspicious of a day, mean over days."""
    window: BinaryWindow = sample.window  # type: ignore[assignment]
    return window.entity_ranking.precision_at(window.top_k, sample.copies)


def binary_calibration_error(sample: Sample) -> float:
    """Return the mean gap between predicted and observed share; see `calibration_error`."""
    window: BinaryWindow = sample.window  # type: ignore[assignment]
    return calibration_error(window.target, window.probability, sample.weight)


# Name, function, direction, meaning, parts. The order is that of the files.
BINARY = (
    Metric(
        "average_precision", lambda sample: sample.ranked(average_precision), +1,
        "how well the scores rank {positives} above the rest: precision, averaged over recall", (WINDOW, SLICES),
    ),
    Metric(
        "roc_auc", lambda sample: sample.ranked(roc_auc), +1,
        "chance that {a_positive} scores higher than {a_negative} record", label="area under the ROC curve",
    ),
    Metric(
        "entity_precision_at_{k}", entity_precision, +1,
        "share of {entities} with {a_positive} among those with a day's highest scores, mean over days",
        needs=("entity", "day"), label="{entity} precision@{k}",
    ),
    Metric(
        "selection_rate", share("alerts", "records"), 0,
        "share of the group's records that raise an alert", (GROUPS,),
    ),
    Metric(
        "recall", share("hits", "positives"), +1,
        "share of {positives} that raise an alert", (WINDOW, SLICES, GROUPS), undefined=0.0,
    ),
    Metric("precision", precision, +1, "share of alerts that are {positives}", (WINDOW, SLICES), undefined=0.0),
    Metric("f1", f1, +1, "harmonic mean of precision and recall", undefined=0.0),
    Metric(
        "accuracy", share("right", "records"), +1,
        "share of right decisions; high for any model where {positives} are rare",
    ),
    Metric(
        "brier", share("squared_error", "records"), -1,
        "mean squared error of the probability; lower is better",
    ),
    Metric(
        "alert_rate", share("alerts", "records"), 0,
        "share of the slice's records that raise an alert", (SLICES,), shown=False,
    ),
    Metric(
        "cost_per_record", share("cost", "records"), -1,
        "cost of false alerts and missed {positives}, per record", (WINDOW, SLICES),
    ),
    Metric(
        "saved_share_vs_no_model", saved("cost_without_model"), +1,
        "share saved of the cost of raising no alert at all", undefined=0.0,
    ),
    Metric(
        "alerts_per_day", lambda sample: total(sample, "alerts") / sample.window.days, 0,
        "alerts raised a day", needs=("days",),
    ),
    Metric(
        "saved_share_vs_rule", saved("cost_of_rule"), +1,
        "share saved of the cost of a fixed rule on the amount", needs=("rule",), undefined=0.0,
    ),
    Metric(
        "calibration_error",
        binary_calibration_error, -1,
        "mean gap between predicted and observed share of {positives}; lower is better",
    ),
    Metric(
        "false_positive_rate", false_positive_rate, -1,
        "share of {negative} records that raise an alert", (GROUPS,),
    ),
    Metric("mean_predicted", share("predicted", "records"), 0, "mean of the probability", (GROUPS,), shown=False),
    Metric(
        "observed", share("positives", "records"), 0,
        "share of the group's records that are {positives}", (GROUPS,), shown=False,
    ),
)  # fmt: skip
