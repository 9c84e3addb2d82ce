"""A binary target: ranked by score, calibrated, and an alert where it is worth its cost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.headline_metric import log_losses_of_known
from lifecycle.core.params import DecideParams, EvaluateParams
from lifecycle.evaluation import plot_tables, probability_calibration
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.bootstrap import entity_codes
from lifecycle.evaluation.metrics import Metric
from lifecycle.evaluation.pictures import draw_binary
from lifecycle.evaluation.tasks.binary_metrics import BINARY, COLUMNS, BinaryWindow
from lifecycle.evaluation.tasks.task import Chosen, Task
from lifecycle.evaluation.threshold import choose_threshold, cost_curve
from lifecycle.splits.time_windows import Timing


class Binary(Task):
    """Records are positives or negatives, 1 or 0; a prediction is the probability of a positive."""

    name = "binary"
    compared = ("average_precision", "recall")  # each further one widens the limit for all
    counts: ClassVar = {name: COLUMNS[name] for name in ("records", "positives")}
    counted = "positives"

    def _metrics(self) -> tuple[Metric, ...]:
        return BINARY

    @property
    def decided_codes(self) -> Mapping[str, Sequence[int]]:
        """Pass or alert."""
        return {"alert": (0, 1)}

    def choose(self, scores: pd.DataFrame, params: DecideParams, timing: Timing) -> Chosen:
        """Calibrate, and take the threshold that costs least."""
        problem = self.problem
        target, score = scores[problem.target].to_numpy(), scores["score"].to_numpy()
        windows = self.windows_out_of_time(scores, timing)
        briers = probability_calibration.compare(score, target, windows)
        method = min(briers, key=briers.__getitem__) if params.calibration == "auto" else params.calibration
        calibrated = probability_calibration.fit(method, score, target)
        decision = AlertDecision.from_params(params, calibrated, briers)
        curve = cost_curve(target, score, decision.stake(scores, problem.amount), decision)
        threshold = params.threshold
        if threshold is None:
            threshold = choose_threshold(curve, score, self._day(scores, params), params.alert_budget_per_day)
        place = max(int(np.searchsorted(-curve.threshold, -threshold, side="right")) - 1, 0)  # the same alerts as there
        figures = {
            "threshold": threshold,
            "probability_at_threshold": float(calibrated.apply(np.array([threshold]))[0]),
            "calibration": method,
            "cost_per_record": float(curve.cost[place] / len(scores)),
        }
        if timing.window_days is not None:
            days = scores["fold"].nunique() * timing.window_days
            figures["alerts_per_day"] = float((score >= threshold).sum() / days)
        tables = {"cost": plot_tables.cost_table(curve, len(scores))}
        return Chosen(replace(decision, threshold=threshold), figures, tables)

    def _day(self, scores: pd.DataFrame, params: DecideParams) -> np.ndarray:
        if self.problem.time is not None:
            return scores[self.problem.time].dt.floor("D").to_numpy()
        if params.alert_budget_per_day is not None:
            raise PipelineError("decide.alert_budget_per_day: this problem has no time, so no days; leave it null")
        return np.zeros(len(scores), np.int64)

    def decision_in_words(self, chosen: Mapping[str, Any]) -> str:
        """Return the threshold and its probability."""
        return (
            f"alert from a score of {chosen['threshold']:.3f}, a probability of"
            f" {chosen['probability_at_threshold']:.3f} (calibration: {chosen['calibration']})"
        )

    def decided_columns(self, prediction: np.ndarray, decision: AlertDecision) -> dict[str, np.ndarray]:
        """Return `probability` and `alert`, 0 or 1."""
        probability, alert = decision.apply(prediction)
        return {"probability": probability, "alert": alert.astype(np.int8)}

    def losses(self, scored: pd.DataFrame) -> np.ndarray:
        """Return the log loss of each record's probability."""
        probability = scored["probability"].to_numpy(np.float64)
        return log_losses_of_known(scored[self.problem.target], np.column_stack([1 - probability, probability]))

    def costs(self, window: BinaryWindow) -> Mapping[str, np.ndarray]:
        """Return the cost of false alerts and missed positives, and of missing all."""
        return {"model": window.cost(window.alert), "no_model": window.cost(False)}

    def window(
        self, scored: pd.DataFrame, decision: AlertDecision, options: EvaluateParams, days: float | None
    ) -> BinaryWindow:
        """Bring a table of scores into arrays; `options` have rule and `top_k`."""
        problem = self.problem
        amount = None if problem.amount is None else scored[problem.amount].to_numpy()
        return BinaryWindow(
            target=scored[problem.target].to_numpy(),
            score=scored["score"].to_numpy(),
            probability=scored["probability"].to_numpy(),
            alert=scored["alert"].to_numpy() == 1,
            stake=decision.stake(scored, problem.amount),
            day=None if problem.time is None else pd.factorize(scored[problem.time].dt.floor("D"))[0],
            entity=entity_codes(scored, problem.entity),
            rule=None if amount is None or options.rule_amount is None else amount > options.rule_amount,
            decision=decision,
            days=days,
            top_k=options.top_k,
        )

    def baselines(self, scored: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
        """Return the average precision of a logistic regression, and of the amount alone."""
        amount = self.problem.amount
        columns = {self.baseline: "baseline_score"} | ({} if amount is None else {"amount": amount})
        return {name: self.quality(scored, scored[column].to_numpy(np.float64)) for name, column in columns.items()}

    def plot_tables(self, window: BinaryWindow) -> dict[str, pd.DataFrame]:
        """Return ranking, calibration, confusion and scores."""
        return {
            "precision_recall": plot_tables.precision_recall_table(window.ranking),
            "roc": plot_tables.roc_table(window.ranking),
            "calibration": plot_tables.calibration_table(window.target, window.probability),
            "confusion": plot_tables.confusion_table(
                window.target, window.alert.astype(np.int64), self.problem.class_names, ("pass", "alert")
            ),
            "scores": plot_tables.score_histogram(window.target, window.score, self.words),
        }

    def draw(self, tables: Path, decide_tables: Path, decision: Any, target: Path) -> None:
        """Draw ranking, calibration and cost."""
        draw_binary(tables, decide_tables / "cost.csv", decision.threshold, self.words, target)
