"""The metrics: each is one object that knows its name, function, direction and meaning.

All that shows or compares figures reads this list: metrics/evaluate/, the slices and groups of the audit, the report,
the comparison of two models, the model card and the summary. To add a metric, add a `Metric` to `BINARY`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lifecycle.core.ranking import average_precision, roc_auc
from lifecycle.evaluation.probability_calibration import calibration_error
from lifecycle.evaluation.scored_window import Column, Sample, ScoredWindow
from lifecycle.problem.purpose import Words

Figures = dict[str, float]  # the value of each metric on one window, by name
WINDOW, SLICES, GROUPS = "window", "slices", "groups"  # what a metric is computed of


@dataclass(frozen=True)
class Metric:
    """One metric.

    Parameters
    ----------
    name : str
        What files and params call it; `{k}` stands for `evaluate.top_k`.
    function : callable
        From a `Sample` to the value, or to an array with the value of each group; NaN where it is not defined.
    direction : {1, -1, 0}
        1: higher is better; -1: lower is better; 0: neither is a merit.
    meaning : str
        What it says, for the model card. Names in braces are the problem's words: {positive}, {positives}, {negative},
        {record}, {records}, {entity}, {entities}, and {a_positive}, {a_negative} with their article.
    parts : tuple of str
        What it is computed of: `WINDOW` (metrics/evaluate/), `SLICES`, `GROUPS` (of people).
    shown : bool
        Whether report and card show it for slices and groups; otherwise it stands in the tables only.
    needs : str, optional
        The field of `ScoredWindow` without which there is no such figure.
    undefined : float
        What stands for the whole window where the function gives NaN.
    label : str, optional
        What people call it, with the same names in braces; without one, the name in plain words.
    """

    name: str
    function: Callable[[Sample], Any]
    direction: int
    meaning: str
    parts: tuple[str, ...] = (WINDOW,)
    shown: bool = True
    needs: str | None = None
    undefined: float = math.nan
    label: str | None = None


# A number per record, for metrics that are made from sums over the records.
COLUMNS: Mapping[str, Column] = {
    "records": lambda window: np.ones(len(window.target)),
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


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(whole, 0), np.nan, np.divide(part, whole))


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
        "entity_precision_at_{k}", lambda sample: sample.entity_precision, +1,
        "share of {entities} with {a_positive} among those with a day's highest scores, mean over days",
        needs="entity", label="{entity} precision@{k}",
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
    Metric("alerts_per_day", lambda sample: total(sample, "alerts") / sample.window.days, 0, "alerts raised a day"),
    Metric(
        "saved_share_vs_rule", saved("cost_of_rule"), +1,
        "share saved of the cost of a fixed rule on the amount", needs="rule", undefined=0.0,
    ),
    Metric(
        "calibration_error",
        lambda sample: calibration_error(sample.window.target, sample.window.probability, sample.weight), -1,
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
METRICS = {metric.name: metric for metric in BINARY}


def metrics_of(part: str) -> list[Metric]:
    """Return the metrics that are computed of the window, of its slices or of its groups."""
    return [metric for metric in METRICS.values() if part in metric.parts]


def shown(part: str) -> list[str]:
    """Return the names that report and card show of slices or groups; those without a direction come last."""
    return [metric.name for metric in sorted(metrics_of(part), key=lambda one: one.direction == 0) if metric.shown]


def metric_named(name: str) -> Metric | None:
    """Return the metric that a file calls by that name, None for one that this version does not know.

    Examples
    --------
    >>> metric_named("entity_precision_at_100").name
    'entity_precision_at_{k}'
    """
    return METRICS.get(re.sub(r"_at_\d+$", "_at_{k}", name))


def direction(name: str) -> int:
    """Return which way a figure is better: 1, -1, or 0 for neither; an unknown one is better when it is higher."""
    metric = metric_named(name)
    return 1 if metric is None else metric.direction


def meaning(name: str, words: Words) -> str:
    """Return the meaning of a figure in the problem's words, nothing for an unknown one.

    Examples
    --------
    >>> meaning("recall", Words(positive="default"))
    'share of defaults that raise an alert'
    """
    metric = metric_named(name)
    return "" if metric is None else _in_words(metric.meaning, name, words)


def label(name: str, words: Words) -> str:
    """Return what people call a figure.

    Examples
    --------
    >>> label("entity_precision_at_100", Words(entity="clinic")), label("false_positive_rate", Words())
    ('clinic precision@100', 'false positive rate')
    """
    metric = metric_named(name)
    return _in_words((metric and metric.label) or name.replace("_", " "), name, words)


def _in_words(text: str, name: str, words: Words) -> str:
    kinds = {f"a_{kind}": f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}" for kind, noun in asdict(words).items()}
    plurals = {"records": words.records, "positives": words.positives, "entities": words.entities}
    return text.format(**asdict(words), **plurals, **kinds, k=name.rpartition("_")[2])


def figures(window: ScoredWindow, copies: np.ndarray | None = None) -> Figures:
    """Return every metric of a window, or of the resample that holds each entity `copies` (entities,) times."""
    sample = Sample(window, copies)
    values = {
        metric: float(np.asarray(metric.function(sample)).item())
        for metric in metrics_of(WINDOW)
        if metric.needs is None or getattr(window, metric.needs) is not None
    }
    return {
        metric.name.format(k=window.top_k): metric.undefined if math.isnan(value) else value
        for metric, value in values.items()
    }
