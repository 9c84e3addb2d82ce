"""A window of a target with several classes, and its metrics: of the whole and of each class."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lifecycle.core.headline_metric import log_losses
from lifecycle.evaluation.class_decision import ABSTAINS, ClassDecision
from lifecycle.evaluation.metrics import GROUPS, SLICES, WINDOW, Metric, mean_of, ratio
from lifecycle.evaluation.probability_calibration import calibration_error
from lifecycle.evaluation.scored_window import Column, Sample, ScoredWindow

EVERYWHERE = (WINDOW, SLICES, GROUPS)


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassWindow(ScoredWindow):
    """What is known of each record; the target is the code of its class."""

    probability: np.ndarray  # (n, classes)
    decided: np.ndarray  # (n,) code, or -1 where the model abstains
    decision: ClassDecision

    @property
    def costs(self) -> object | None:
        """The cost matrix; None where none is given."""
        return self.decision.costs

    @property
    def abstention(self) -> bool | None:
        """True where the model may abstain, otherwise None: then there is no rate of it."""
        return self.decision.can_abstain or None


def log_loss(window: ClassWindow) -> np.ndarray:
    """Return the log loss of each record of a window."""
    return log_losses(window.target, window.probability)


def right(window: ClassWindow) -> np.ndarray:
    """Return whether the decided class is the true one."""
    return window.decided == window.target


def abstained(window: ClassWindow) -> np.ndarray:
    """Return whether no class is decided."""
    return window.decided == ABSTAINS


def squared_error(window: ClassWindow) -> np.ndarray:
    """Return the sum over the classes of the squared distance of probability and truth (Brier 1950)."""
    truth = np.arange(window.probability.shape[1]) == window.target[:, None]
    return ((window.probability - truth) ** 2).sum(axis=1)


def cost(window: ClassWindow) -> np.ndarray:
    """Return what the decision costs, by the cost matrix."""
    return window.decision.cost(window.target, window.decided)


class Counts:
    """The columns of one class, whose sums are its records, its decisions and its hits."""

    def __init__(self, code: int) -> None:
        self.records: Column = lambda window: window.target == code
        self.decided: Column = lambda window: window.decided == code
        self.hits: Column = lambda window: (window.target == code) & (window.decided == code)

    def recall(self, sample: Sample) -> np.ndarray:
        """Return the share of the class that is decided as it."""
        return ratio(sample.total(self.hits), sample.total(self.records))

    def precision(self, sample: Sample) -> np.ndarray:
        """Return the share of the decisions for the class that are right; 0 without any while the class occurs."""
        decided, records = sample.total(self.decided), sample.total(self.records)
        return np.where((decided == 0) & (records > 0), 0.0, ratio(sample.total(self.hits), decided))

    def f1(self, sample: Sample) -> np.ndarray:
        """Return the harmonic mean of precision and recall."""
        return ratio(2 * sample.total(self.hits), sample.total(self.records) + sample.total(self.decided))


def macro(functions: Sequence[Callable[[Sample], np.ndarray]], sample: Sample) -> np.ndarray:
    """Return the mean over the classes for which a figure is defined; NaN where it is for none."""
    values = np.array([function(sample) for function in functions], dtype=np.float64)
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))


def mean_calibration_error(sample: Sample) -> float:
    """Return the expected calibration error of a class against the rest, mean over the classes."""
    window: ClassWindow = sample.window  # type: ignore[assignment]
    errors = [
        calibration_error((window.target == code).astype(np.float64), probability, sample.weight)
        for code, probability in enumerate(window.probability.T)
    ]
    return float(np.mean(errors))


def class_slugs(names: Sequence[str]) -> list[str]:
    """Return the classes' names as they stand in the names of figures; the codes where two would be the same.

    Examples
    --------
    >>> class_slugs(["Gold", "late payer", "n/a"])
    ['gold', 'late_payer', 'n_a']
    """
    slugs = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in names]
    return slugs if all(slugs) and len(set(slugs)) == len(slugs) else [str(code) for code in range(len(names))]


def multiclass_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """Return the metrics of a target with these classes, in the order of the files."""
    counts = [Counts(code) for code in range(len(names))]
    of_whole = (
        Metric(
            "log_loss",
            mean_of(log_loss),
            -1,
            "mean of minus the logarithm of the true class's probability; lower is better",
            EVERYWHERE,
        ),
        Metric("accuracy", mean_of(right), +1, "share of records whose class is decided rightly", EVERYWHERE),
        Metric(
            "macro_precision", partial(macro, [one.precision for one in counts]), +1, "precision, mean over the classes"
        ),
        Metric(
            "macro_recall",
            partial(macro, [one.recall for one in counts]),
            +1,
            "recall, mean over the classes",
            EVERYWHERE,
        ),
        Metric(
            "macro_f1",
            partial(macro, [one.f1 for one in counts]),
            +1,
            "harmonic mean of precision and recall, mean over the classes",
        ),
        Metric(
            "brier",
            mean_of(squared_error),
            -1,
            "squared error of the probabilities, summed over the classes; lower is better",
        ),
        Metric(
            "calibration_error",
            mean_calibration_error,
            -1,
            "gap between predicted and observed share of a class, mean over the classes; lower is better",
        ),
        Metric(
            "abstain_rate",
            mean_of(abstained),
            0,
            "share of records that are left to a person",
            EVERYWHERE,
            needs=("abstention",),
        ),
        Metric(
            "cost_per_record",
            mean_of(cost),
            -1,
            "cost of the decisions by the cost matrix, per record",
            needs=("costs",),
        ),
    )
    of_classes = [
        Metric(
            f"{figure}_{slug}",
            getattr(one, figure),
            +1,
            meaning.replace("CLASS", _literal(name)),
            label=f"{figure} of {_literal(name)}",
            undefined=0.0,
        )
        for figure, meaning in (
            ("precision", "share of the decisions for CLASS that are right"),
            ("recall", "share of the records of CLASS that are decided as it"),
            ("f1", "harmonic mean of precision and recall of CLASS"),
        )
        for one, slug, name in zip(counts, class_slugs(names), names, strict=True)
    ]
    return (*of_whole, *of_classes)


def _literal(name: str) -> str:
    """Return a class's name with its braces doubled, as a text with names in braces needs it."""
    return name.replace("{", "{{").replace("}", "}}")
