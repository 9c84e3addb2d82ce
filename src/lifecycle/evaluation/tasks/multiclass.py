"""A target with several classes: a calibrated probability for each, and the class of least expected cost, or none."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.headline_metric import log_losses, log_losses_of_known
from lifecycle.core.params import DecideParams, EvaluateParams
from lifecycle.evaluation import plot_tables, probability_calibration
from lifecycle.evaluation.bootstrap import entity_codes
from lifecycle.evaluation.class_decision import ClassDecision, calibrated
from lifecycle.evaluation.metrics import Metric
from lifecycle.evaluation.pictures import draw_multiclass
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.evaluation.tasks.multiclass_metrics import ClassWindow, cost, multiclass_metrics
from lifecycle.evaluation.tasks.task import Chosen, Task
from lifecycle.splits.time_windows import Timing

LEVELS = np.round(np.arange(0.0, 1.0, 0.05), 2)  # of abstaining, in the table of the stage `decide`


class Multiclass(Task):
    """The target is the code of a class, 0, 1, ...; a prediction is the probability of each class."""

    name = "multiclass"
    compared = ("log_loss", "macro_recall")

    def _metrics(self) -> tuple[Metric, ...]:
        return multiclass_metrics(self.problem.class_names)

    @property
    def decided_codes(self) -> Mapping[str, Sequence[int]]:
        """A class, or none: -1."""
        return {"decided": range(-1, self.problem.outputs)}

    def choose(self, scores: pd.DataFrame, params: DecideParams, timing: Timing) -> Chosen:
        """Calibrate each class against the rest by the method of least log loss out of time."""
        target, score = scores[self.problem.target].to_numpy(), self.problem.prediction(scores)
        windows = self.windows_out_of_time(scores, timing)
        losses = self._out_of_time(target, score, windows)
        method = min(losses, key=losses.__getitem__) if params.calibration == "auto" else params.calibration
        if method == "sigmoid":
            self._check_all_occur(target)
        decision = ClassDecision.from_params(params, _fit(method, score, target), losses)
        probability, decided = decision.apply(score)
        figures = {
            "calibration": method,
            "accuracy": float((decided == target).mean()),
            "abstain_rate": float((decided < 0).mean()),
        }
        if decision.costs is not None:
            figures["cost_per_record"] = float(decision.cost(target, decided).mean())
        return Chosen(decision, figures, {"abstaining": _abstaining(target, probability)})

    def _check_all_occur(self, target: np.ndarray) -> None:
        missing = [name for code, name in enumerate(self.problem.class_names) if code not in target]
        if missing:
            raise PipelineError(
                f"decide.calibration = 'sigmoid': no validation record is of the class {', '.join(missing)}, and a"
                " sigmoid is learned from records of it and others; set auto or none"
            )

    def _out_of_time(
        self, target: np.ndarray, score: np.ndarray, windows: list[tuple[np.ndarray, np.ndarray]]
    ) -> dict[str, float]:
        """Return the mean log loss of each method, fitted on known labels and computed on later windows."""

        def loss(method: str, known: np.ndarray, later: np.ndarray) -> float:
            maps = _fit(method, score[known], target[known])
            return float(log_losses(target[later], calibrated(maps, score[later])).mean())

        return probability_calibration.losses_out_of_time(target, score.shape[1], windows, loss)

    def decision_in_words(self, chosen: Mapping[str, Any]) -> str:
        """Return what is decided, and how often nothing is."""
        by = "the class of least expected cost" if "cost_per_record" in chosen else "the most probable class"
        return (
            f"{by} is decided; {chosen['abstain_rate']:.1%} of the validation records are left to a person"
            f" (calibration: {chosen['calibration']})"
        )

    def decided_columns(self, prediction: np.ndarray, decision: ClassDecision) -> dict[str, np.ndarray]:
        """Return `probability_0`, ..., and `decided`: a code, or -1 for none."""
        probability, decided = decision.apply(prediction)
        return {**self.problem.as_columns(probability, "probability"), "decided": decided}

    def losses(self, scored: pd.DataFrame) -> np.ndarray:
        """Return the log loss of each record's probabilities."""
        return log_losses_of_known(scored[self.problem.target], self.problem.prediction(scored, "probability"))

    def costs(self, window: ClassWindow) -> Mapping[str, np.ndarray]:
        """Return the cost of the decided classes by the cost matrix; nothing without one."""
        return {} if window.decision.costs is None else {"model": cost(window)}

    def window(
        self, scored: pd.DataFrame, decision: ClassDecision, options: EvaluateParams, days: float | None
    ) -> ClassWindow:
        """Bring a table of scores into arrays."""
        return ClassWindow(
            target=scored[self.problem.target].to_numpy(),
            probability=self.problem.prediction(scored, "probability"),
            decided=scored["decided"].to_numpy(),
            entity=entity_codes(scored, self.problem.entity),
            decision=decision,
            days=days,
        )

    def baselines(self, scored: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
        """Return the log loss of a logistic regression, and of the classes' shares in the training rows."""
        shares = np.bincount(train[self.problem.target], minlength=self.problem.outputs) / len(train)
        prior = np.broadcast_to(shares, (len(scored), len(shares)))
        predictions = {self.baseline: self.problem.prediction(scored, "baseline_score"), "prior": prior}
        return {name: self.quality(scored, prediction) for name, prediction in predictions.items()}

    def plot_tables(self, window: ClassWindow) -> dict[str, pd.DataFrame]:
        """Return the confusion of the classes, and the calibration of each."""
        names, codes = self.problem.class_names, np.where(window.decided < 0, self.problem.outputs, window.decided)
        decided = (*names, "abstains") if window.decision.can_abstain else names
        return {
            "class_confusion": plot_tables.confusion_table(window.target, codes, names, decided),
            "class_calibration": plot_tables.class_calibration_table(window.target, window.probability, names),
        }

    def draw(self, tables: Path, decide_tables: Path, decision: Any, target: Path) -> None:
        """Draw confusion, calibration, and what abstaining would change."""
        draw_multiclass(tables, decide_tables / "abstaining.csv", decision.abstain_below, target)


def _fit(method: str, score: np.ndarray, target: np.ndarray) -> list[Calibration]:
    """Learn a calibration of each class against the rest."""
    return [
        probability_calibration.fit(method, score[:, code], (target == code).astype(np.int64))
        for code in range(score.shape[1])
    ]


def _abstaining(target: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """Return for each level the share of records left to a person, and the accuracy on the others."""
    best, right = probability.max(axis=1), probability.argmax(axis=1) == target
    kept = [best >= level for level in LEVELS]
    return pd.DataFrame(
        {
            "abstain_below": LEVELS,
            "abstain_rate": [1 - float(one.mean()) for one in kept],
            "accuracy_of_the_rest": [float(right[one].mean()) if one.any() else np.nan for one in kept],
        }
    )
