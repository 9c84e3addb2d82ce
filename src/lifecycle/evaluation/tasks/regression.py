"""A target that is a number: a prediction, and an interval that holds the truth with a stated share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.params import DecideParams, EvaluateParams
from lifecycle.evaluation import plot_tables
from lifecycle.evaluation.bootstrap import entity_codes
from lifecycle.evaluation.interval_decision import IntervalDecision, conformal_half_width, least_records
from lifecycle.evaluation.metrics import Figures, Metric
from lifecycle.evaluation.pictures import draw_regression
from lifecycle.evaluation.tasks.regression_metrics import REGRESSION, NumberWindow
from lifecycle.evaluation.tasks.task import Chosen, Task
from lifecycle.splits.time_windows import Timing

COVERAGES = np.round(np.arange(0.5, 1.0, 0.05), 2)  # in the table of the stage `decide`


class Regression(Task):
    """The target and a prediction are numbers."""

    name = "regression"
    compared = ("mae", "rmse")
    baseline = "ridge"

    def _metrics(self) -> tuple[Metric, ...]:
        return REGRESSION

    def choose(self, scores: pd.DataFrame, params: DecideParams, timing: Timing) -> Chosen:
        """Take the interval's half-width from the validation records' residuals."""
        residual = scores["score"].to_numpy() - scores[self.problem.target].to_numpy()
        half_width = conformal_half_width(residual, params.coverage)
        windows = self.windows_out_of_time(scores, timing)
        covered = self._out_of_time(residual, windows, params.coverage)
        decision = IntervalDecision(params.coverage, half_width, covered)
        figures = {"coverage": params.coverage, "half_width": half_width, "coverage_out_of_time": covered}
        levels = [level for level in COVERAGES.tolist() if least_records(level) <= len(residual)]
        widths = [conformal_half_width(residual, level) for level in levels]
        return Chosen(decision, figures, {"half_width": pd.DataFrame({"coverage": levels, "half_width": widths})})

    def _out_of_time(
        self, residual: np.ndarray, windows: list[tuple[np.ndarray, np.ndarray]], coverage: float
    ) -> float | None:
        """Return the share that intervals made from known residuals hold of later windows; None without such a pair."""
        held = [
            np.abs(residual[later]) <= conformal_half_width(residual[known], coverage)
            for known, later in windows
            if known.sum() >= least_records(coverage)
        ]
        return float(np.concatenate(held).mean()) if held else None

    def decision_in_words(self, chosen: Mapping[str, Any]) -> str:
        """Return the interval's reach and its coverage."""
        reach, coverage = chosen["half_width"], chosen["coverage"]
        return f"intervals reach {reach:.4g} to both sides, to hold {coverage:.1%} of the truths"

    def decided_columns(self, prediction: np.ndarray, decision: IntervalDecision) -> dict[str, np.ndarray]:
        """Return `low` and `high`, the ends of the interval."""
        low, high = decision.apply(prediction)
        return {"low": low, "high": high}

    def losses(self, scored: pd.DataFrame) -> np.ndarray:
        """Return the absolute error of each record: a single large one weighs less than in a square."""
        target = scored[self.problem.target].to_numpy(np.float64, na_value=np.nan)
        return np.asarray(np.abs(scored["score"].to_numpy(np.float64) - target))

    def window(
        self, scored: pd.DataFrame, decision: IntervalDecision, options: EvaluateParams, days: float | None
    ) -> NumberWindow:
        """Bring a table of scores into arrays."""
        return NumberWindow(
            **{name: scored[name].to_numpy(dtype=np.float64) for name in ("score", "low", "high")},
            target=scored[self.problem.target].to_numpy(dtype=np.float64),
            entity=entity_codes(scored, self.problem.entity),
            decision=decision,
            days=days,
        )

    def baselines(self, scored: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
        """Return the explained share of a linear model, of the training mean, and of each entity's last value."""
        problem = self.problem
        mean = float(train[problem.target].mean())
        predictions = {
            self.baseline: scored["baseline_score"].to_numpy(),
            "mean": np.full(len(scored), mean),
        }
        if problem.entity is not None and problem.time is not None:
            last = train.groupby(problem.entity)[problem.target].last()  # the table is in time order
            predictions["last_value"] = scored[problem.entity].map(last).fillna(mean).to_numpy()
        return {name: self.quality(scored, prediction) for name, prediction in predictions.items()}

    def warnings(self, figures: Figures, ends: Mapping[str, Sequence[float]], decision: IntervalDecision) -> list[str]:
        """Say where the intervals hold fewer truths than they were made to hold, by more than noise."""
        low, high = ends["coverage"]
        if not high < decision.coverage:
            return []
        return [
            f"the intervals hold the truth of {figures['coverage']:.4f} of the test {self.words.records} ({low:.4f} to"
            f" {high:.4f}), less than decide.coverage = {decision.coverage:g}: they differ from the validation"
            f" {self.words.records} that the intervals are made from; learn from more or newer ones, or set a larger"
            " coverage"
        ]

    def plot_tables(self, window: NumberWindow) -> dict[str, pd.DataFrame]:
        """Return predictions beside truths, and the distribution of the residuals."""
        return {
            "predicted_actual": plot_tables.predicted_actual_table(window.target, window.score),
            "residuals": plot_tables.residual_histogram(window.target - window.score),
        }

    def draw(self, tables: Path, decide_tables: Path, decision: Any, target: Path) -> None:
        """Draw predictions beside truths, residuals, and the interval's width by coverage."""
        draw_regression(tables, decide_tables / "half_width.csv", decision, target)
